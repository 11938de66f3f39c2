# Runs once, on the first boot: network, names and keys by esxcli, then the scripts, and a report.
# Never prints where it reports to: that address is a permission.
import base64, glob, http.client, json, os, ssl, subprocess, time, urllib.parse

task = json.loads(base64.b64decode(TASK))


def ask(*words):
    out = subprocess.run(["esxcli", "--formatter=json", *words], stdout=subprocess.PIPE)
    return json.loads(out.stdout or b"[]")


nics = {nic["MACAddress"].lower(): nic["Name"] for nic in ask("network", "nic", "list")}
failed = []
for command in task["commands"]:
    # A card is known by its MAC; the only one there is has none here.
    words = [
        nics.get(w[4:], next(iter(nics.values()), "")) if w.startswith("nic:") else w
        for w in command
    ]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode:
        failed.append(" ".join(words) + ": " + done.stdout.decode("utf-8", "replace"))
if task["keys"]:
    with open("/etc/ssh/keys-root/authorized_keys", "w") as f:
        f.write("\n".join(task["keys"]) + "\n")
    for verb in ("enable_ssh", "start_ssh"):
        subprocess.run(["vim-cmd", "hostsvc/" + verb], stdout=subprocess.DEVNULL)
results = []
if failed:
    results.append({"name": "network", "exitCode": 1, "output": "".join(failed)[-2000:]})
for script in task["scripts"]:
    path = "/tmp/millwright-script"
    with open(path, "w", newline="") as f:
        f.write(script["content"])
    os.chmod(path, 0o700)
    done = subprocess.run(
        ["/bin/sh", path], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    os.remove(path)
    said = done.stdout.decode("utf-8", "replace")[-2000:]
    code = done.returncode if done.returncode >= 0 else 128 - done.returncode
    results.append({"name": script["name"], "exitCode": code, "output": said})


def links():
    found = []
    for link in ask("network", "ip", "interface", "list"):
        name = link["Name"]
        v4 = [a["IPv4Address"] for a in ask("network", "ip", "interface", "ipv4", "get", "-i", name)]
        v6 = [
            a["Address"]
            for a in ask("network", "ip", "interface", "ipv6", "address", "list")
            if a["Interface"] == name and not a["Address"].startswith("fe80")
        ]
        addresses = [a for a in v4 if a and a != "0.0.0.0"] + v6
        found.append({"name": name, "mac": link["MACAddress"].lower(), "addresses": addresses})
    return found


def told(door, body):
    url = urllib.parse.urlsplit(door)
    kind = http.client.HTTPSConnection if url.scheme == "https" else http.client.HTTPConnection
    options = {"context": ssl.create_default_context()} if url.scheme == "https" else {}
    connection = kind(url.hostname, url.port, timeout=15, **options)
    target = (url.path or "/") + ("?" + url.query if url.query else "")
    connection.request("POST", target, body, {"Content-Type": "application/json"})
    status = connection.getresponse().status
    connection.close()
    return 200 <= status < 300 or status == 410


if task["reportTo"]:
    subprocess.run("esxcli network firewall ruleset set -e true -r httpClient".split())
    keys = []
    for file in sorted(glob.glob("/etc/ssh/ssh_host_*_key.pub")):
        with open(file) as f:
            keys.append(" ".join(f.read().split()[:2]))
    reported, end = False, time.time() + 300
    while not reported and time.time() < end:
        body = json.dumps({"hostKeys": keys, "interfaces": links(), "scripts": results})
        for door in task["reportTo"]:
            try:
                reported = reported or told(door, body.encode())
            except (OSError, http.client.HTTPException):
                pass
        if not reported:
            time.sleep(2)
    subprocess.run("esxcli network firewall ruleset set -e false -r httpClient".split())
