"""A real HAProxy takes a server in and out by our answers."""
from haproxy import HAProxy
from lab import grant, target, wait_for

# Each way of asking is a backend of its own: the same daemon, judged by HAProxy's own rules.
CHECKS = {
    "default": "option httpchk",
    "get": "option httpchk GET /health/shop",
    "head": "option httpchk HEAD /health/shop HTTP/1.1\n    http-check send hdr Host shop",
    "global": "option httpchk OPTIONS /health",
    "expect": "option httpchk GET /health/shop\n    http-check expect status 200",
}


def test_haproxy_takes_a_server_out_on_503_and_back_on_200(lab):
    cluster = lab.cluster().start()
    cluster.sql("CREATE TABLE t (id int PRIMARY KEY)")
    grant(cluster, "postgres")
    daemon = lab.daemon(target("shop", cluster.conninfo(user="pgvigil"), limits='max_age = "30s";'))
    wait_for(lambda: daemon.code("/health/shop") == 200, "the first rounds")
    haproxy = HAProxy(lab, daemon.port, daemon.port, CHECKS)
    haproxy.wait("UP", "L7OK")
    assert haproxy.codes("/livez") == {200}
    cluster.stop()
    haproxy.wait("DOWN", "L7STS")
    assert haproxy.codes("/livez") == {503}
    cluster.start()
    haproxy.wait("UP", "L7OK")
    assert haproxy.codes("/livez") == {200}
    # HAProxy resets its connection as soon as it has the status: nothing that a log must tell.
    for line in daemon.log().splitlines():
        assert not any(word in line.lower() for word in ("reset", "broken pipe", "http error", "epipe")), line
    for code in ("200", "503"):
        assert daemon.metric("pgvigil_http_requests_total", path="/health/", code=code) > 1
        assert daemon.metric("pgvigil_http_requests_total", path="/health", code=code) > 1
