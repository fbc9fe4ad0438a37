# The package cannot be installed, because a file of it is another package's.
dpkg --install "$debian" /packages/rival.deb
. /packages/readme-there
note
dpkg --install "$ours" && fail 'two packages have one file'
as_noted
is_purged
