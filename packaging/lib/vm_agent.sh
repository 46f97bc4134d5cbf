#!/bin/bash
# Inside the virtual machine of packaging/test, and nowhere else: runs what is asked over a serial port of
# the test's own. A question is a name and a length in bytes, a line break and the script; its answer is the name, exit
# status and length, a line break and all that the script said.
set -u
exec 3<>/dev/virtio-ports/casemate.test
said=$(mktemp /run/agent.XXXXXX)
while read -r name length <&3; do
	head -c "$length" <&3 >"$said.script"
	timeout --kill-after=5 900 bash "$said.script" >"$said" 2>&1 </dev/null 3>&-
	printf '%s %d %d\n' "$name" $? "$(stat -c %s "$said")" >&3
	cat "$said" >&3
done
