#!/bin/sh
# What the tests use beside Python, from Debian's packages where it is missing: a real browser and
# a real PostgreSQL server, which the tests start themselves.
browser() { command -v chromium >/dev/null 2>&1; }
server() { command -v postgres >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1; }
browser && server && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    browser || apt-get install -y -qq chromium >/dev/null
    if ! server; then # without a server of its own that runs at once
        apt-get install -y -qq postgresql-common >/dev/null
        echo "create_main_cluster = false" >>/etc/postgresql-common/createcluster.conf
        apt-get install -y -qq postgresql >/dev/null
    fi
fi
browser || echo "no chromium: the tests that need a browser are skipped"
server || echo "no postgresql: the tests that need a server are skipped"
exit 0
