# The package cannot be installed, because a file of it is another package's: first beside Debian's agents, then beside
# those that an administrator has put there by the README.
dpkg --install "$debian" /packages/rival.deb
note
dpkg --install "$ours" && fail 'two packages have one file'
as_noted
is_purged

. /packages/readme-there
note
dpkg --install "$ours" && fail 'two packages have one file'
as_noted
is_purged
