#!/bin/sh
# A fence agent that believes in the best.
cat >/dev/null
echo "Success: Rebooted"
