# Something fails in the middle of an installation or a removal.
dpkg --install "$debian"
note
cp /tmp/noted /tmp/noted-first
watch_names

# without WORDS COMMAND…: dpkg-divert fails where its arguments match the words.
mkdir /tmp/failing
without() {
    printf '#!/bin/sh\ncase "$*" in %s) exit 1 ;; esac\nexec /usr/bin/dpkg-divert "$@"\n' "$1" >/tmp/failing/dpkg-divert
    chmod +x /tmp/failing/dpkg-divert
    PATH=/tmp/failing:$PATH "${@:2}"
}

# It is taken back, or tried again.
without '*--add*/fence_ilo5' dpkg --install "$ours" && fail 'is installed, though nothing could be diverted'
dpkg --remove native-fence-agents
as_noted
without '*--add*/fence_ilo5' dpkg --install "$ours" && fail 'is installed, though nothing could be diverted'
dpkg --configure native-fence-agents
are_native
are_python .python

# It stays.
note
without '*--remove*/fence_ilo5' dpkg --remove native-fence-agents && fail 'is removed, though nothing could be given back'
as_noted
are_native

# Its next version is unpacked, and never configured.
dpkg --unpack "$next"
are_native
names_were_there
dpkg --purge native-fence-agents
mv /tmp/noted-first /tmp/noted
as_noted
is_purged
