"""Sensor readings of a bottling line and what the technicians found; one fault is rare. Made up, from a seed."""

import csv
import random

random.seed(5)
FAULTS = {  # vibration, temperature, current, pressure
    "none": (1.0, 61, 12.0, 5.8),
    "bearing": (3.1, 69, 12.8, 5.8),
    "belt slips": (1.9, 63, 9.4, 5.7),
    "nozzle clogged": (1.2, 61, 12.4, 7.4),
    "leak": (1.1, 60, 12.6, 4.1),
    "motor winding": (1.4, 83, 15.9, 5.8),
}
rows = []
for number in range(3600):
    fault = random.choices(list(FAULTS), [60, 12, 10, 9, 8, 0.5])[0]
    vibration, temperature, current, pressure = FAULTS[fault]
    rows.append([
        f"2025-{1 + number // 300:02d}-{1 + number % 28:02d} {number % 24:02d}:{number * 7 % 60:02d}:00",
        random.choice(["L1", "L2", "L3"]),
        round(random.lognormvariate(0, 0.35) * vibration, 2),
        round(random.gauss(temperature, 3.5), 1),
        round(random.gauss(current, 0.9), 2),
        round(random.gauss(pressure, 0.55), 2),
        random.choice([330, 500, 750, 1000]),
        fault,
    ])  # fmt: skip
rows[17][2] = -1.0
rows[2222][3] = 999.9
rows[2223][3] = 999.9

with open("line.csv", "w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["time", "line", "vibration", "temperature", "current", "pressure", "bottle_ml", "fault"])
    writer.writerows(rows)
