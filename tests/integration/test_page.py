"""The status page for people: headers, structure, odd names, and what a real browser makes of it."""
import html.parser
import math
import os
import re
import sqlite3
import struct
import subprocess
import time
import zlib
from urllib.parse import urljoin

from lab import directory, make_shop, run, shared, target, wait_for
from test_shop import plant, shop_target

# Names that PostgreSQL allows; each is the name of a table and of a violated constraint.
ODD = ['<script>alert(1)</script>', '</code></pre><img src=x onerror=alert(1)>', '"><b onmouseover=\'x\'>', 'a;b%s{é🐘}\nc',
       'select', "it's & &lt;", "x" * 63]
POLICY = {"default-src 'none'", "style-src 'self'", "img-src data:", "base-uri 'none'", "form-action 'none'",
          "frame-ancestors 'none'"}
TAGS = {"html", "head", "meta", "title", "link", "body", "header", "nav", "a", "p", "time", "main", "section", "h1", "h2", "h3",
        "h4", "span", "svg", "path", "dl", "div", "dt", "dd", "ol", "li", "b", "strong", "code", "pre", "table", "caption",
        "thead", "tbody", "tr", "th", "td", "article", "details", "summary", "small", "footer", "ul", "figure", "figcaption",
        "text", "desc"}
VOID = {"meta", "link"}


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def odd_database():
    script = ""
    for name in ODD:
        script += f"""CREATE TABLE {quoted(name)} (id int); INSERT INTO {quoted(name)} VALUES (-1);
            ALTER TABLE {quoted(name)} ADD CONSTRAINT {quoted(name)} CHECK (id > 0) NOT VALID;
            CREATE TABLE {quoted('p' + name[:20])} (id int PRIMARY KEY);\n"""
    return shared.empty(script)


def serve(lab, **kwargs):
    database = odd_database()
    daemon = lab.daemon(target("db", shared.cluster.conninfo(database, "pgvigil"), limits='max_age = "60s";'), **kwargs)
    wait_for(lambda: daemon.code("/health/db") == 200, "the first round")
    return daemon


class Page(html.parser.HTMLParser):
    """Reads a page and refuses what is not well-formed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.links, self.headings, self.texts = [], [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        assert len(attrs) == len(dict(attrs)), (tag, attrs)
        assert tag in TAGS, self.get_starttag_text()
        if "href" in dict(attrs):
            self.links.append(dict(attrs)["href"])
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag == "path", tag

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, (tag, self.open)

    def handle_data(self, data):
        self.texts.append(data)


def test_both_pages_answer_and_forbid_the_browser_the_rest(lab):
    daemon = serve(lab)
    for path in ("/", "/target/db"):
        code, body, headers = daemon.get(path)
        assert code == 200 and headers["Content-Type"] == "text/html; charset=utf-8", headers
        assert set(headers["Content-Security-Policy"].split("; ")) == POLICY, headers
        assert headers["Referrer-Policy"] == "no-referrer" and headers["X-Frame-Options"] == "DENY", headers
        assert headers["X-Content-Type-Options"] == "nosniff" and headers["Cache-Control"] == "no-store", headers
        # A page that is read in detail must not move under the reader.
        assert headers.get("Refresh") == ("30" if path == "/" else None), headers
        assert body.startswith(b"<!DOCTYPE html>") and b"<script" not in body
        head = daemon.get(path, "HEAD")
        assert head[0] == 200 and head[1] == b"" and head[2]["Content-Type"] == headers["Content-Type"], head
    code, body, headers = daemon.get("/style.css")
    assert code == 200 and headers["Content-Type"] == "text/css; charset=utf-8" and b"prefers-color-scheme" in body
    assert daemon.metric("pgvigil_http_requests_total", path="/target/", code="200") == 2


def test_an_unknown_target_is_404(lab):
    daemon = serve(lab)
    for path in ("/target/nosuch", "/target/", "/target", "/target/db/", "/target/DB", "/index.html"):
        assert daemon.code(path) == 404, path
        assert daemon.get(path, "HEAD")[0] == 404, path


def test_options_of_the_root_is_still_the_probe(lab):
    daemon = serve(lab)
    code, body, headers = daemon.get("/", "OPTIONS")
    assert headers["Content-Type"] == "application/health+json" and "Refresh" not in headers, headers
    assert code == daemon.code("/health") == 200 and b'"state"' in body
    daemon.write(target("db", "host=127.0.0.1 port=1 dbname=x user=x"))
    daemon.reload()
    wait_for(lambda: daemon.json("/health/db")["state"] == "unreachable", "the target to be unreachable")
    assert daemon.get("/", "OPTIONS")[0] == daemon.code("/health") == 503
    # The page itself is there for people above all when the database is not.
    code, body, _ = daemon.get("/")
    assert code == 200 and b"unreachable" in body and b"</svg>pass<" not in body


def test_tokens_protect_the_pages_and_not_the_style(lab):
    path = directory("token") / "tokens"
    path.write_text("abcdefghijklmnopqrstuvwxyz\n")
    path.chmod(0o600)
    if os.getuid() == 0:
        run(["chown", "nobody:nogroup", path])
    daemon = serve(lab, http=f'token_file = "{path}";')
    bearer = {"Authorization": "Bearer abcdefghijklmnopqrstuvwxyz"}
    for page in ("/", "/target/db"):
        assert daemon.code(page) == 401 and daemon.get(page, headers=bearer)[0] == 200, page
    assert daemon.code("/style.css") == 200 and daemon.get("/", "OPTIONS")[0] == 200


def test_d26_odd_names_are_text_on_both_pages(lab):
    daemon = serve(lab)
    for path in ("/", "/target/db"):
        page = Page(daemon.get(path)[1].decode())
        for name in ODD:
            shown = name.replace("\n", "\\n")
            assert shown in page.texts, (path, name)
        for _, attributes in page.tags:
            assert not any(key.startswith("on") or key in ("style", "src") for key in attributes), attributes


def check_pictures(page):
    """Each is hidden from who cannot see it, or is named and described, and has its table."""
    pictures = [attributes for tag, attributes in page.tags if tag == "svg" and attributes.get("aria-hidden") != "true"]
    count = [tag for tag, _ in page.tags].count
    assert all(attributes == {"viewbox": "0 0 3200 1440", "role": "img"} for attributes in pictures), pictures
    assert count("title") == 1 + len(pictures) and count("desc") == count("figure") == count("figcaption") == len(pictures)
    # The details of what passes are one more, on the page of a target.
    assert len(pictures) <= count("details") <= len(pictures) + 1, (count("details"), len(pictures))


def test_the_pages_are_made_for_every_reader(lab):
    daemon = serve(lab)
    for path in ("/", "/target/db"):
        page = Page(daemon.get(path)[1].decode())
        count = [tag for tag, _ in page.tags].count
        assert (count("html"), count("main"), count("header"), count("h1")) == (1, 1, 1, 1), path
        assert page.tags[0] == ("html", {"lang": "en"})
        assert page.headings[0] == 1 and all(b <= a + 1 for a, b in zip(page.headings, page.headings[1:])), page.headings
        assert count("caption") == count("table") > 0
        assert all("scope" in attributes for tag, attributes in page.tags if tag == "th")
        check_pictures(page)
        for link in page.links:
            assert re.match(r"\.\.?/|data:image/svg\+xml,", link), link
            # The root of this daemon answers each of them, health codes aside.
            assert link.startswith("data:") or daemon.code(urljoin(path, link)) in (200, 503), link


def png(path):
    """(width, height, rows of RGB bytes); the filters of PNG undone."""
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height, depth, kind, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    assert depth == 8 and kind in (2, 6) and not interlaced
    at, packed, size = 8, b"", 3 if kind == 2 else 4
    while at < len(data):
        length, name = struct.unpack(">I4s", data[at:at + 8])
        packed += data[at + 8:at + 8 + length] if name == b"IDAT" else b""
        at += length + 12
    raw, rows, before = zlib.decompress(packed), [], bytearray(width * size)
    for y in range(height):
        start = y * (width * size + 1)
        before = unfilter(raw[start], bytearray(raw[start + 1:start + 1 + width * size]), before, size)
        rows.append(before)
    return width, height, [[bytes(row[x * size:x * size + 3]) for x in range(width)] for row in rows]


def unfilter(kind, row, above, size):
    for i in range(len(row) if kind else 0):
        left = row[i - size] if i >= size else 0
        corner = above[i - size] if i >= size else 0
        if kind == 1:
            guess = left
        elif kind == 2:
            guess = above[i]
        elif kind == 3:
            guess = (left + above[i]) // 2
        else:
            guess = min((abs(above[i] - corner), 0, left), (abs(left - corner), 1, above[i]),
                        (abs(left + above[i] - 2 * corner), 2, corner))[2]
        row[i] = (row[i] + guess) & 255
    return row


def browse(url, out, size=(1280, 700), dark=False):
    """A picture of the page; what the browser's console says, and what it asked other hosts for."""
    home = directory("chromium")
    net_log = home / "net.json"
    flags = ["--force-dark-mode", "--blink-settings=preferredColorScheme=0"] if dark else []
    result = subprocess.run(
        ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
         "--enable-logging=stderr", f"--user-data-dir={home}", f"--log-net-log={net_log}", f"--window-size={size[0]},{size[1]}",
         *flags, f"--screenshot={out}", url],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "HOME": str(home)})
    assert out.exists(), result.stderr[-3000:]
    asked = [re.search('"url":"([^"]*)"', line)[1] for line in net_log.read_text().splitlines()
             if '"initiator":"http://127.0.0.1' in line]
    # The style is heard of: else silence about the rest would prove nothing.
    assert not url.startswith("http") or any(other.endswith("/style.css") for other in asked), asked
    return [line for line in result.stderr.splitlines() if "CONSOLE" in line] + \
        [other for other in asked if not other.startswith("http://127.0.0.1:")]


HOUR = 3600
PHASE = 'phase: { duration = "24h"; migration = "production_safety_constraints"; };'
ORDERS = "violations/public.orders/check_order_amount_positive"


def phase_target(conninfo):
    return shop_target(conninfo, limits='max_age = "60s";').rstrip().rstrip("}") + PHASE + "}"


def a_day_of_series(age):
    """What an earlier process saw `age` seconds ago: (series, value) of each. Nothing from 6 to 5 h ago."""
    if 5 * HOUR <= age < 6 * HOUR:
        return []
    wave = 1 + 0.5 * math.sin(age / 7000)
    rows = 3 if 17 * HOUR <= age < 17.5 * HOUR else 0
    return [("violations", rows), (ORDERS, rows), ("transactions/commit", 900 * wave), ("transactions/rollback", 4 * wave * wave),
            ("canary/active_orders", 0.0042 * wave), ("scans/public.orders/orders_status_created_at_idx", 1e6 - age * 2.5)]


def remember(daemon, shift):
    """Gives a stopped daemon the history of a day, and a phase that began `shift` seconds before it did."""
    now = int(time.time()) // 300 * 300
    with sqlite3.connect(daemon.dir / "history.sqlite") as file:
        numbers = dict(file.execute("SELECT name, id FROM series WHERE target = 'shop'"))
        for start in range(now - 25 * HOUR, now, 300):
            for name, value in a_day_of_series(now - start):
                if name not in numbers:
                    numbers[name] = 1000 + len(numbers)
                    file.execute("INSERT INTO series VALUES (?, 'shop', ?)", (numbers[name], name))
                low, high = (value, value) if value < 1e-9 or value > 1000 else (value * 0.8, value * 1.3)
                if name.startswith("violations"):
                    low = high = value
                file.execute("INSERT OR REPLACE INTO point VALUES (1, ?, ?, 5, ?, ?, ?)",
                             (start, numbers[name], low, high, 5 * value))
        record, = file.execute("SELECT text FROM value WHERE target = 'shop' AND key = 'phase'").fetchone()
        record = re.sub(r"(?m)^(started_at|ends_at|batch_at|observed_since|batch) (\d+)",
                        lambda m: f"{m[1]} {int(m[2]) - shift * 1000000}", record)
        gone = [(now - age) * 1000000 for age in (6 * HOUR, 5 * HOUR, 17.5 * HOUR, 17 * HOUR)]
        record = record.replace("\nend\n", f"""
gap {gone[0]:.0f} {gone[1]:.0f}
event violated {gone[2]:.0f} {gone[3]:.0f} 3 check_order_amount_positive on public.orders
end
""")
        file.execute("UPDATE value SET text = ? WHERE target = 'shop' AND key = 'phase'", (record,))
    file.close()


def serve_phase(lab, name, shift=20 * HOUR):
    """A daemon in the middle of a phase."""
    cluster = shared.get()
    make_shop(cluster, name)
    daemon = lab.daemon(phase_target(cluster.conninfo(name, "pgvigil")))
    wait_for(lambda: b">watching<" in daemon.get("/")[1], "the phase to open")
    daemon.stop()
    remember(daemon, shift)
    daemon.start()
    wait_for(lambda: b"<svg viewBox" in daemon.get("/target/shop")[1] and b">watching<" in daemon.get("/")[1], "the charts")
    return daemon


def figures(text):
    """The charts of a page by their titles."""
    found = re.findall(r'<figure class="chart">\n<figcaption><b>(.*?)</b>.*?</figure>', text, re.S)
    parts = re.findall(r'<figure class="chart">.*?</figure>', text, re.S)
    assert len(found) == len(parts) == len(set(found)), found
    return dict(zip(found, parts))


def drawn(figure, name):
    paths = re.findall(rf'<path class="{name}" d="([^"]*)"/>', figure)
    return "".join(paths)


def test_a_phase_is_on_both_pages(lab):
    daemon = serve_phase(lab, "shop_phase")
    for path in ("/", "/target/shop"):
        text = daemon.get(path)[1].decode()
        page = Page(text)
        check_pictures(page)
        assert page.headings[0] == 1 and all(b <= a + 1 for a, b in zip(page.headings, page.headings[1:])), page.headings
        # The fourth step of the timeline, the section, its nine criteria, its one event, its gap.
        steps = re.findall(r"<li class=\"(\w+)\"><b>(\w+)</b>", text)
        assert [name for _, name in steps] == ["Preparation", "Staging", "Production", "Monitoring"], steps
        assert [status for status, _ in steps[:3]] == ["skipped", "skipped", "pass"], steps
        assert re.search(r"No verdict yet: (4 h|3 h 5\d min) left of 24 h; so far ", text), text
        criteria = text[text.index('<table class="checklist criteria">'):]
        criteria = criteria[:criteria.index("</table>")]
        assert criteria.count("<tr><td>") == 9 and "migration completed" in criteria and "1 of 1 are finished" in criteria
        assert re.search(r"<code>check_order_amount_positive on public.orders</code> <strong>violated</strong> <time.*?, 3 rows, "
                         "repaired</li>", text), text
        assert re.search(r"<dt>Not observed</dt><dd>1 h", text), text


def test_charts_show_the_day_its_migration_and_its_gaps(lab):
    daemon = serve_phase(lab, "shop_charts")
    text = daemon.get("/target/shop")[1].decode()
    charts = figures(text)
    assert list(figures(daemon.get("/")[1].decode())) == ["Rows that break a rule", "Transactions that are rolled back"]
    assert {"Rows that break a rule", "Transactions that are rolled back", "Canary: active_orders",
            "Rows: public.orders check_order_amount_positive"} <= set(charts), list(charts)
    titles = [title for title in charts if title.startswith("Rows: ")]
    assert len(titles) == 6 and titles[0].endswith("check_order_amount_positive"), titles
    for title in ("Rows that break a rule", "Transactions that are rolled back", "Canary: active_orders"):
        figure = charts[title]
        assert figure.count('class="mark"') == 1 and ">migration</text>" in figure and "Marked: migration at " in figure, figure
        # One gap, in line and in words: it splits the line in two.
        assert drawn(figure, "unseen").count("M") == 1 and drawn(figure, "line").count("M") == 2, figure
        assert re.search("; no data for (45 min|1 h)[.]", figure), figure
    assert "highest 3 at" in charts["Rows that break a rule"]
    # 4 of 904 at the middle of the wave, and nowhere near a half.
    highest = float(re.search(r"highest ([0-9.]+) at", charts["Transactions that are rolled back"])[1])
    assert 0.6 < highest < 0.7, highest
    assert drawn(charts["Canary: active_orders"], "band") != ""
    bars = charts["Scans: public.orders orders_status_created_at_idx"]
    assert re.search(r"most 2250 at", bars) and drawn(bars, "bars").count("M") > 80, bars


def test_a_browser_shows_the_pages_in_light_and_dark_wide_and_narrow(lab):
    daemon = serve_phase(lab, "shop_page")
    shared.get().sql("ALTER TABLE orders DROP CONSTRAINT check_order_amount_positive", "shop_page")
    plant(shared.get(), "shop_page", "check_order_amount_positive")
    daemon.wait_reason("constraint", "check_order_amount_positive", "violated")
    shots = directory("shots")
    # What the console says is heard: else its silence would prove nothing.
    assert browse("data:text/html,<script>console.log('heard')</script>", shots / "control.png", (390, 100))

    wide, narrow = (1280, 1000), (390, 2400)
    for path, size, dark in (("", wide, False), ("", narrow, True), ("target/shop", wide, True), ("target/shop", narrow, False)):
        out = shots / f"{path.replace('/', '-')}{size[0]}{dark}.png"
        said = browse(f"http://127.0.0.1:{daemon.port}/{path}", out, size, dark)
        assert said == [], said
        check_picture(out, size, dark)


def check_picture(out, size, dark):
    width, height, rows = png(out)
    assert (width, height) == size
    page = rows[0][0]
    assert (sum(page) < 128 * 3) == dark, page
    colours = {pixel for row in rows[::3] for pixel in row[::3]}
    assert len(colours) > 50, f"{out}: {len(colours)} colours"
    # Nothing runs out of the page at its right edge.
    assert all(row[x] == page for row in rows for x in range(width - 4, width)), out
