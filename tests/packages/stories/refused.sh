# What the package would be in the way of, it is not installed for, and nothing has changed.
refuses() {
    note
    dpkg --install "$ours" >/tmp/said 2>&1 && fail "is installed, though $*"
    cat /tmp/said
    grep -F "$*" /tmp/said >/dev/null || fail "does not say: $*"
    as_noted
    is_purged
}

dpkg --install "$debian"
watch_names
# Another package's diversion of the name that comes last.
dpkg-divert --package rival --no-rename --divert /usr/sbin/fence_redfish.rival --add /usr/sbin/fence_redfish
refuses '/usr/sbin/fence_redfish is diverted by the package rival'
dpkg-divert --package rival --no-rename --remove /usr/sbin/fence_redfish
# Of a manual page it is dpkg that complains: where it is put, there is Debian's.
page=/usr/share/man/man8/fence_redfish
dpkg-divert --package rival --rename --divert "$page.rival.8.gz" --add "$page.8.gz"
refuses "$page.8.gz"
dpkg-divert --package rival --rename --remove "$page.8.gz"

# An administrator's own file where Debian's would be put, beside a diversion of his.
. /packages/readme-there
dpkg-divert --local --no-rename --remove /usr/sbin/fence_ilo3
echo mine >/usr/sbin/fence_ilo3.python
refuses '/usr/sbin/fence_ilo3.python is in the way'
names_were_there
