"""2,400 readings of pumps, and whether one failed within a week; split into two files, as somebody once did."""

import csv
import random

draw = random.Random(11)
HEAD = ["pump", "site", "pressure_bar", "temperature_c", "vibration_mm_s", "running_hours", "failed"]


def rows(count, first):
    for number in range(first, first + count):
        site = draw.choice(["north", "south", "harbour"])
        hours = draw.randrange(0, 20000)
        vibration = round(max(0.1, draw.gauss(2.4 + hours / 9000, 0.9)), 1)
        temperature = round(draw.gauss(61 + (6 if site == "harbour" else 0), 7), 1)
        pressure = round(draw.gauss(5.6, 0.7), 2)
        score = 0.9 * (vibration - 4.4) + 0.09 * (temperature - 68) - 0.5 * (pressure - 5.6)
        yield [f"P-{number:05d}", site, pressure, temperature, vibration, hours, int(draw.gauss(0, 1) < score)]


for name, count, first in (("train.csv", 1900, 0), ("test.csv", 500, 1900)):
    with open(name, "w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(HEAD)
        out.writerows(rows(count, first))
