# Debian's agents come when ours are there already, and stay; or go again, before ours or after.
note
dpkg --install "$ours"
watch_names
dpkg --install "$debian"
are_native
are_python .python
dpkg --purge fence-agents
are_native
names_were_there
dpkg --purge native-fence-agents
as_noted

dpkg --install "$debian"
note
dpkg --purge fence-agents
dpkg --install "$ours"
watch_names
dpkg --install "$debian"
dpkg --purge native-fence-agents
are_python
names_were_there
as_noted
