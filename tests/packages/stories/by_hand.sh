# An administrator has followed the README: what he has put there is back when the package goes.
dpkg --install "$debian"
watch_names
. /packages/readme-there
are_native
# What is there is not what the package brings.
for name in $names; do echo "by hand" >>"/usr/sbin/$name"; done
note
dpkg --install "$ours"
are_native
are_python .python
grep -q 'by hand' /usr/sbin/fence_ilo4 && fail 'fence_ilo4 is not the one of the package'
dpkg --install "$next"
are_native
dpkg --purge native-fence-agents
as_noted
is_purged

# He goes back while the package is there.
dpkg --install "$ours"
. /packages/readme-back
are_python
dpkg --purge native-fence-agents
are_python
names_were_there
! ls /var/lib/native-fence-agents
