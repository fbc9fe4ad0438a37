# Debian's agents are there, are upgraded meanwhile, and are back in the end.
dpkg --install "$debian_next"
note
dpkg --install "$debian"
are_python
watch_names
dpkg --install "$ours"
are_native
are_python .python
fences fence_ipmilan
dpkg --install "$debian_next"
are_native
are_python .python
dpkg --install "$next"
dpkg --install "$next"
are_native
dpkg --remove native-fence-agents
are_python
as_noted
dpkg --install "$ours"
are_native
dpkg --purge native-fence-agents
are_python
names_were_there
as_noted
is_purged
