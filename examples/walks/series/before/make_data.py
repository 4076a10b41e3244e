"""Electricity that a town used, hour by hour, for a bit more than a year. Made up, from a seed."""

import csv
import random
from datetime import datetime, timedelta
from math import cos, pi, sin

random.seed(24)
begin, rows, wander = datetime(2024, 1, 1), [], 0.0
for hour in range(24 * 400):
    now = begin + timedelta(hours=hour)
    day = now.timetuple().tm_yday
    temperature = 10 - 11 * cos(2 * pi * (day - 20) / 366) + 4 * sin(2 * pi * (now.hour - 9) / 24) + random.gauss(0, 2)
    wander = 0.97 * wander + random.gauss(0, 0.7)
    use = 42 + 11 * sin(2 * pi * (now.hour - 8) / 24) + 5 * sin(4 * pi * (now.hour - 6) / 24)
    use += -7 * (now.weekday() >= 5) + 0.9 * max(0, 14 - temperature) + 0.6 * max(0, temperature - 22) + wander
    rows.append([now.strftime("%Y-%m-%d %H:%M"), round(temperature, 1), round(use + random.gauss(0, 0.8), 2)])
rows[5000][2] = 0.0  # the meter was off
rows[5001][2] = 0.0
del rows[3000:3004]  # nobody knows

with open("demand.csv", "w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["hour", "temperature", "megawatts"])
    writer.writerows(rows)
