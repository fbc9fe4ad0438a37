# An administrator has followed the README: the diversions are back, and what they keep in place.
dpkg --install "$debian"
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
. /packages/readme-back
are_python
