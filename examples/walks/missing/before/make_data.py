"""Flats that were sold, as three agencies wrote them down: holes, guesses, typing errors. Made up, from a seed."""

import csv
import random

random.seed(99)
HEAD = ["area_m2", "rooms", "built", "floor", "balcony", "energy_class", "distance_km", "renovated", "price"]
rows = []
for _ in range(2500):
    area = round(random.gammavariate(6, 13) + 18, 1)
    rooms = max(1, round(area / 27 + random.gauss(0, 0.6)))
    built = random.choice([1905, 1932, 1958, 1965, 1972, 1984, 1996, 2004, 2015, 2021]) + random.randrange(8)
    floor = min(random.randrange(9), random.randrange(9))
    balcony = random.random() < 0.55
    energy = min(7, max(0, round((2025 - built) / 16 + random.gauss(0, 1))))
    distance = round(random.expovariate(0.25), 2)
    renovated = built + random.randrange(5, 60) if built < 2000 and random.random() < 0.4 else None
    price = area * (5200 - 190 * distance - 130 * energy) + 9000 * balcony + 2500 * floor
    price = max(40000.0, price + (25000 if renovated and renovated > 2005 else 0)) * random.lognormvariate(0, 0.08)
    row = [area, rooms, built, floor, "yes" if balcony else "no", "ABCDEFGH"[energy], distance, renovated or "",
           round(price, -3)]  # fmt: skip
    if random.random() < 0.25:
        row[5] = ""
    if random.random() < 0.12:
        row[3] = ""
    if random.random() < 0.3:
        row[6] = "?" if random.random() < 0.2 else ""
    if random.random() < 0.05:
        row[1] = ""
    rows.append(row)
rows[40][0] = 6200.0  # square feet? a comma lost?
rows[900][2] = 19772
rows[1313][8] = ""
rows[1314][8] = ""
rows[2000][1] = -3

with open("flats.csv", "w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(HEAD)
    writer.writerows(rows)
