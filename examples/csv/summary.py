"""Prints what an ordinary report prints: totals, and who bought most."""
import csv
import sys
from collections import defaultdict

spent = defaultdict(float)
with open(sys.argv[1], newline="") as file:
    for customer, name, country, order, item, price, count in csv.reader(file):
        spent[name] += float(price) * int(count)
print(f"customers: {len(spent)}")
print(f"sales: {sum(spent.values()):.2f}")
name, most = max(spent.items(), key=lambda entry: entry[1])
print(f"best customer: {name} ({most:.2f})")
