# The image, as the Containerfile says, without an engine; and an agent in it, as an unprivileged user, with a file
# system that cannot be written.
root=/image-of-the-agents
while read -r instruction arguments; do
    case $instruction in
        COPY)
            case $arguments in
                --from=files*) read -r _ from to <<<"$arguments"; mkdir -p "$root$to"; cp -a "$from/." "$root$to" ;;
                *) cp $arguments ;;
            esac
            ;;
        RUN) sh -c "$arguments" ;;
        USER) user=$arguments ;;
        CMD) program=$(tr -d '[]"' <<<"$arguments") ;;
    esac
done <packaging/Containerfile
# What an engine provides.
mkdir -p "$root/etc"
cp /etc/hosts "$root/etc"
mount --bind "$root" "$root"
mount --options remount,bind,ro "$root"
touch "$root/etc/written" && fail 'the image can be written'
fences chroot --userspec="$user" "$root" "$program"
fences chroot --userspec="$user" "$root" /usr/sbin/fence_redfish
find "$root" -name sh | grep . && fail 'there is more than the agents in the image'
true
