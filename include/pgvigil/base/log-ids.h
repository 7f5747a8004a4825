/* MESSAGE_ID= of the events that somebody may wait for (`journalctl MESSAGE_ID=…`). API: an
 * identifier keeps its meaning for ever; a new event gets a new one.
 *
 * SPDX-License-Identifier: PostgreSQL */
#pragma once

#define LOG_ID_STARTED             "08b2c90bb77801c18c6fc5f2ea8fadc6" /* serving began */
#define LOG_ID_STOPPING            "fea899f55b5bcfe0dfd577ee71429b24" /* SIGTERM was seen */
#define LOG_ID_RELOADED            "60839dd168251e30c749f556bdcf32ea" /* a new configuration is in force */
#define LOG_ID_RELOAD_FAILED       "4fa47a562b20565712ee6d2e33e2a937" /* the running configuration was kept */
#define LOG_ID_TARGET_REACHABLE    "35e311824641f5c448ffa95045b3ee55"
#define LOG_ID_TARGET_UNREACHABLE  "a9a431652e0f179d83047b7718c063b8"
#define LOG_ID_HEALTH_CODE_CHANGED "a8238463593b9116eba38e68ed8995b1" /* what /health/TARGET answers */
#define LOG_ID_FINDING_CHANGED     "b12c0a5c83fb1bb2961ace361bedab2f" /* status or reason of a finding */
#define LOG_ID_HISTORY_FAILING                                                                               \
        "301c54170b1acd3ffa0766fc375245b4" /* what is kept is not written; the message says why */
#define LOG_ID_HISTORY_KEPT      "0433445730e34eabd26345d335a7d3a3" /* and again */
#define LOG_ID_HISTORY_RESET     "7e9f73ee3c086bb5448832c096916c87" /* a damaged history was set aside */
#define LOG_ID_PHASE_OPENED      "2e352b04c0934f9e8ad04194863c3376" /* a monitoring phase */
#define LOG_ID_PHASE_VERDICT     "55e73a04a48547e3865a60c487bf93de" /* or its end by hand */
#define LOG_ID_CRITERION_FAILED  "657f4013cb994fc38065e9e75d07a040"
#define LOG_ID_CRITERION_CLEARED "786754f3631f48068155a85033bb21fd"
