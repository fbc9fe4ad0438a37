# The package cannot be unpacked, because a file of it is another package's: beside Debian's agents; beside those that an
# administrator has put there by the README; where an older version of it is installed.
dpkg --install "$debian" /packages/rival.deb
watch_names
note
dpkg --install "$ours" && fail 'two packages have one file'
as_noted
is_purged

. /packages/readme-there
note
dpkg --install "$ours" && fail 'two packages have one file'
as_noted
is_purged
. /packages/readme-back
names_were_there
dpkg --purge rival

note
cp /tmp/noted /tmp/noted-first
dpkg --install "$ours" /packages/rival-next.deb
watch_names
note
dpkg --install "$next" && fail 'two packages have one file'
as_noted
are_native
are_python .python
dpkg --purge native-fence-agents rival
names_were_there
mv /tmp/noted-first /tmp/noted
as_noted
is_purged
