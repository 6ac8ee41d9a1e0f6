#!/usr/bin/env bash
# Sales by country from two CSV files, with nothing but what every system has.
#
#   ART   the mount, or any directory
#   DATA  where customers.csv and orders.csv are
set -eu
: "${ART:?}" "${DATA:?}"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
raw=$ART/shop-raw/latest sorted=$ART/shop-sorted/latest joined=$ART/shop-joined/latest report=$ART/shop-report/latest
export LC_ALL=C
mkdir -p "$raw" "$sorted" "$joined" "$report"

# The two files are one version, however many commands bring them.
cp "$DATA/customers.csv" "$raw/"
cp "$DATA/orders.csv" "$raw/"

# Without their headings, by customer. What tail reads is an input of sort.
tail -n +2 "$raw/customers.csv" | sort -t, -k1,1 >"$sorted/customers.csv"
tail -n +2 "$raw/orders.csv" | sort -t, -k2,2 >"$sorted/orders.csv"

join -t, -1 1 -2 2 "$sorted/customers.csv" "$sorted/orders.csv" >"$joined/sales.csv"

awk -F, '{ sales[$3] += $6 * $7 } END { for (c in sales) printf "%s,%.2f\n", c, sales[c] }' \
    <"$joined/sales.csv" >"$report/by-country.csv"
sort -t, -k2,2nr -o "$report/by-country.csv" "$report/by-country.csv"
cut -d, -f5,7 "$joined/sales.csv" >"$report/items.csv"
python3 "$here/summary.py" "$joined/sales.csv" >"$report/summary.txt"
