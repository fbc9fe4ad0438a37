# Debian's agents are in a lower layer of an overlay, as in a container's image, where a second name of one of them is taken
# for another file.
note
watch_names
dpkg --install /packages/rival.deb
dpkg --install "$ours" && fail 'two packages have one file'
dpkg --purge rival
as_noted
is_purged
dpkg --install "$ours"
dpkg --install "$ours"
are_native
are_python .python
dpkg --purge native-fence-agents
are_python
names_were_there
as_noted
is_purged
