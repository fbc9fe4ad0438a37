# Debian's agents are there, are upgraded meanwhile, and are back in the end.
dpkg --install "$debian_next"
note
dpkg --install "$debian"
are_python
# At no time is there no agent.
{ while [ -e /usr/sbin/fence_ilo4 ]; do :; done; touch /tmp/gone; } &
watch=$!
dpkg --install "$ours"
are_native
are_python .python
fences fence_ipmilan
dpkg --install "$debian_next"
are_native
are_python .python
dpkg --install "$next"
are_native
kill $watch
[ ! -e /tmp/gone ]
dpkg --remove native-fence-agents
are_python
as_noted
dpkg --purge native-fence-agents
as_noted
is_purged
