#!/usr/bin/env python3
"""Runs once in a new machine: the scripts of its profile, in order, and then one report. What runs,
and what it printed last, is told all the while.

Started on every boot until it is done; goes on where it was. Its directory, which only root can
read, holds task.json (what to do), results.json (what is done), NAME.log (what each script said)
and at last `done`. Never prints where it reports to: that address is a permission.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
KEEP = 8192  # bytes of a script's output that are reported
SETTLE = 5  # seconds for DHCP and router advertisements, once all else is done
PATIENCE = 300  # seconds of trying to report
BEAT = 5  # seconds between two looks at what is printed
STILL = 60  # seconds after which it is told again, though nothing was printed
REPORTED_LINKS = 64
REPORTED_KEYS = 16
REPORTED_VOLUMES = 64
LARGEST = 256 << 10  # bytes of a report that are taken
VOLUMES = os.path.join(os.path.dirname(HERE), "volumes")  # where data-disks.sh keeps its notes


def path(name):
    return os.path.join(HERE, name)


def say(text):
    print("millwright: " + text, flush=True)


def save(name, text):
    """Whole or not at all: the machine may lose its power at any time."""
    with open(path(name + ".new"), "w", encoding="utf-8") as f:
        os.fchmod(f.fileno(), 0o600)
        f.write(text)
        f.flush()
        os.fsync(f.fileno())
    os.rename(path(name + ".new"), path(name))


def clip(raw):
    """The end of it as text of at most KEEP bytes."""
    text = raw[-KEEP:].decode("utf-8", "replace")
    while len(text.encode("utf-8")) > KEEP:  # a broken character grows when it is replaced
        text = text[len(text) // 64 + 1 :]
    return text


def tail(log):
    """The end of a file, or nothing if there is none."""
    try:
        with open(log, "rb") as f:
            f.seek(max(0, os.path.getsize(log) - KEEP))
            return clip(f.read())
    except OSError:
        return ""


def fitting(told):
    """
    As JSON that is taken: if it is too large, what scripts printed is shortened, and first of those
    that ended well.
    """
    body = json.dumps(told).encode("ascii")
    for keep, well in ((1024, True), (0, True), (1024, False), (0, False)):
        if len(body) <= LARGEST:
            break
        shorter = [
            dict(s, output=s["output"][len(s["output"]) - keep :])
            if len(s["output"]) > keep and (s["exitCode"] == 0) == well
            else s
            for s in told["scripts"]
        ]
        told = dict(told, scripts=shorter)
        body = json.dumps(told).encode("ascii")
    return body


class Teller:
    """
    Tells on a thread of its own what runs and what it printed last, so that whoever waits in vain
    knows for what. Nothing waits for it, and what cannot be told is not missed.
    """

    def __init__(self, doors):
        self.doors, self.what, self.news = doors, None, threading.Event()
        if doors:
            threading.Thread(target=self.tell, daemon=True).start()

    def runs(self, name, log, results):
        self.what = (name, log, list(results))
        self.news.set()

    def over(self):
        self.what = None

    def tell(self):
        told, at = None, 0.0
        while True:
            self.news.wait(BEAT)
            self.news.clear()
            what = self.what
            if what is None:
                continue
            name, log, results = what
            body = fitting(
                {
                    "hostKeys": [],
                    "interfaces": [],
                    "scripts": results,
                    "running": {"name": name, "output": tail(log)},
                }
            )
            if (body != told or time.monotonic() > at + STILL) and self.taken(body):
                told, at = body, time.monotonic()

    def taken(self, body):
        for door in self.doors:
            try:
                if 200 <= post(door, body) < 300:
                    return True
            except (OSError, ValueError):
                pass
        return False


def run(script):
    """Runs one script; its output goes to a file, so that what it leaves running may still write."""
    program, log = path("script"), path(script["name"] + ".log")
    with open(program, "w", encoding="utf-8", newline="") as f:
        os.fchmod(f.fileno(), 0o700)
        f.write(script["content"])
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": "/root",
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "DEBIAN_FRONTEND": "noninteractive",
    }
    with open(log, "wb") as out:
        os.fchmod(out.fileno(), 0o600)
        try:
            code = subprocess.call(
                [program],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                cwd="/",
                env=environment,
            )
        except OSError as e:
            out.write(("cannot be run: %s\n" % e.strerror).encode())
            code = 127 if isinstance(e, FileNotFoundError) else 126
    os.remove(program)
    # A signal's number, as shells show it.
    return {
        "name": script["name"],
        "exitCode": code if code >= 0 else 128 - code,
        "output": tail(log),
    }


def run_all(scripts, teller):
    """All results, or None if the machine goes down. What was begun is never run a second time."""
    going_down = []
    signal.signal(signal.SIGTERM, lambda *_: going_down.append(True))
    try:
        with open(path("results.json"), encoding="utf-8") as f:
            results = json.load(f)
    except FileNotFoundError:
        results = []
    for script in scripts[len(results) :]:
        if going_down:
            return None
        say("running script " + script["name"])
        begun = {"name": script["name"], "exitCode": 255, "output": "the machine went down"}
        save("results.json", json.dumps(results + [begun]))
        teller.runs(script["name"], path(script["name"] + ".log"), results)
        results.append(run(script))
        save("results.json", json.dumps(results))
        say("script %s ended with %d" % (script["name"], results[-1]["exitCode"]))
    teller.over()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return results


def await_cloud_init(teller):
    """Until its last stage is over, by a unit that systemd starts after it."""
    teller.runs("cloud-init", "/var/log/cloud-init-output.log", [])
    after = ["-p", "After=cloud-final.service", "--service-type=oneshot"]
    subprocess.call(["systemd-run", "--quiet"] + after + ["true"])


def cloud_init_errors():
    """What cloud-init itself failed at: a package that is not there, a file's unknown owner."""
    try:
        with open("/run/cloud-init/status.json", encoding="utf-8") as f:
            stages = json.load(f)["v1"]
    except (OSError, ValueError, KeyError):
        return []
    errors = [
        "%s: %s" % (name, error)
        for name, stage in stages.items()
        if isinstance(stage, dict)
        for error in stage.get("errors") or []
    ]
    if not errors:
        return []
    # Of a command that failed it says no more than that: what data-disks.sh said is in its log.
    try:
        with open("/var/log/cloud-init-output.log", encoding="utf-8", errors="replace") as f:
            errors += [line.strip() for line in f if line.startswith("millwright: volume ")]
    except OSError:
        pass
    return [{"name": "cloud-init", "exitCode": 1, "output": clip("\n".join(errors).encode())}]


def links():
    """Every Ethernet-like interface with its global addresses."""
    out = subprocess.run(["ip", "-j", "addr"], stdout=subprocess.PIPE, check=True).stdout
    found = []
    for link in json.loads(out):
        # A member of a bond wears the bond's address over its own.
        mac = link.get("permaddr") or link.get("address", "")
        if link.get("link_type") != "ether" or len(mac) != 17 or int(mac[:2], 16) & 1:
            continue
        addresses = [
            a["local"]
            for a in link.get("addr_info", [])
            if a.get("scope") == "global" and not a.get("tentative") and not a.get("dadfailed")
        ]
        found.append({"name": link["ifname"], "mac": mac, "addresses": addresses})
    return found[:REPORTED_LINKS]


def settled(awaits):
    """The interfaces, as soon as each that asks the network has been answered."""
    end = time.monotonic() + SETTLE
    while True:
        found = links()
        have = {link["name"]: link["addresses"] for link in found}
        missing = [
            a["name"]
            for a in awaits
            if (a["v4"] and not any(":" not in ip for ip in have.get(a["name"], [])))
            or (a["v6"] and not any(":" in ip for ip in have.get(a["name"], [])))
        ]
        if not missing or time.monotonic() > end:
            for name in missing:
                say("no address yet on " + name)
            return found
        time.sleep(0.2)


def host_keys():
    keys = []
    for name in sorted(os.listdir("/etc/ssh") if os.path.isdir("/etc/ssh") else []):
        if name.startswith("ssh_host_") and name.endswith("_key.pub"):
            with open("/etc/ssh/" + name, encoding="ascii", errors="replace") as f:
                words = f.read().split()
            if len(words) >= 2:
                keys.append(words[0] + " " + words[1])
    return keys[:REPORTED_KEYS]


def volumes():
    """The data disks that were seen to, and whether a file system was made on them."""
    found = []
    for serial in sorted(os.listdir(VOLUMES) if os.path.isdir(VOLUMES) else []):
        if not serial.startswith("."):
            with open(os.path.join(VOLUMES, serial), encoding="ascii", errors="replace") as f:
                found.append({"serial": serial, "formatted": f.read().strip() == "formatted"})
    return found[:REPORTED_VOLUMES]


def post(door, body):
    """The answer's status."""
    head = (
        "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\n"
        "Content-Length: %d\r\nConnection: close\r\n\r\n"
    ) % (door["path"], door["authority"], len(body))
    connection = socket.create_connection((door["host"], door["port"]), timeout=5)
    try:
        connection.settimeout(15)
        if door["tls"]:
            import ssl  # slow to load, so only where it is needed

            connection = ssl.create_default_context().wrap_socket(
                connection, server_hostname=door["host"]
            )
        connection.sendall(head.encode("ascii") + body)
        answer = b""
        while b"\n" not in answer and len(answer) < 1024:
            more = connection.recv(1024)
            if not more:
                break
            answer += more
    finally:
        connection.close()
    words = answer.split(b"\n")[0].split()
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        raise OSError("no HTTP answer")
    return int(words[1])


def report(doors, body):
    """True once one door took it, or says that it has one already."""
    end, pause, last = time.monotonic() + PATIENCE, 0.2, None
    while True:
        for number, door in enumerate(doors):
            try:
                status = post(door, body)
                if 200 <= status < 300 or status == 410:
                    say("reported")
                    return True
                said = "status %d" % status
            except OSError as e:
                said = e.strerror or type(e).__name__
            if said != last:
                say("cannot report through door %d of %d: %s" % (number + 1, len(doors), said))
                last = said
        if time.monotonic() + pause > end:
            say("gave up reporting; tries again on the next boot")
            return False
        time.sleep(pause)
        pause = min(10, pause * 1.5)


def main():
    os.chmod(HERE, 0o700)
    with open(path("task.json"), encoding="utf-8") as f:
        task = json.load(f)
    teller = Teller(task["reportTo"])
    if task["late"]:
        await_cloud_init(teller)
    ran = run_all(task["scripts"], teller)
    if ran is None:
        return 0
    results = cloud_init_errors() + ran
    if task["reportTo"]:
        # Who is told that it is ready may take its power away: its host keys would be gone, say.
        os.sync()
        body = {
            "hostKeys": host_keys(),
            "interfaces": settled(task["awaits"]),
            "scripts": results,
            "volumes": volumes(),
        }
        if not report(task["reportTo"], fitting(body)):
            return 1
    save("done", "")
    for name in ("results.json", "task.json", "run"):  # they hold what others should not see
        if os.path.exists(path(name)):
            os.remove(path(name))
    return 0


if __name__ == "__main__":
    sys.exit(main())
