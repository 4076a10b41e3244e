"""4,000 heating systems: how much each used in a year, and what is known of the house."""

import csv
import random

draw = random.Random(5)

with open("heating.csv", "w", newline="", encoding="utf-8") as file:
    out = csv.writer(file)
    out.writerow(["house", "area_m2", "year_built", "residents", "outside_c", "solar", "fuel", "kwh_per_day"])
    for number in range(4000):
        area, year = round(draw.gammavariate(9, 15), 1), draw.randrange(1920, 2024)
        residents, outside = draw.choice([1, 2, 2, 3, 4, 5]), round(draw.gauss(8.5, 6.5), 1)
        solar, fuel = draw.random() < 0.2, draw.choice(["gas", "oil", "heat pump"])
        need = area * 0.02 * max(0.0, 19 - outside) * (1.4 - 0.008 * (year - 1950)) + 2.1 * residents
        need *= {"gas": 1.0, "oil": 1.1, "heat pump": 0.34}[fuel] * (0.8 if solar else 1.0)
        out.writerow([f"H{number:04d}", area, year, residents, outside, str(solar).lower(), fuel,
                      round(max(0.5, need + draw.gauss(0, 1.5)), 1)])
