"""The export as it came out of the customer database: semicolons, decimal commas, German dates, latin-1, typing errors.

Made up, from a seed; run once, and removed, before the walk begins.
"""

import random
from datetime import date, timedelta
from math import exp

random.seed(20241231)
HEAD = [
    "Kunden-Nr",
    "Vertragsbeginn",
    "Tarif",
    "Monatspreis (EUR)",
    "Datenvolumen GB",
    "Beschwerden",
    "Region",
    "gekündigt",
]
TARIFFS = {"Basis": 9.99, "Komfort": 19.9, "Premium": 34.5}
REGIONS = ["Nord", "Süd", "Ost", "West", "Österreich"]


def comma(number, digits):
    return f"{number:.{digits}f}".replace(".", ",")


lines = [";".join(HEAD)]
for number in range(3000):
    begun = date(2019, 1, 1) + timedelta(days=random.randrange(2190))
    tariff = random.choices(list(TARIFFS), [5, 3, 2])[0]
    price = TARIFFS[tariff] + random.choice([0, 0, 0, 5, 10])
    volume = random.gammavariate(2.0, 9.0)
    complaints = min(int(random.expovariate(1.1)), 9)
    region = random.choice(REGIONS)
    years = (date(2025, 1, 1) - begun).days / 365
    odds = -1.6 + 0.75 * complaints + 0.035 * (price - 18) - 0.03 * volume - 0.12 * years
    gone = random.random() < 1 / (1 + exp(-odds))
    day = begun.strftime("%d.%m.%Y")
    row = [
        f"K{100000 + 7 * number}",
        day,
        tariff,
        comma(price, 2),
        comma(volume, 1),
        str(complaints),
        region,
        "ja" if gone else "nein",
    ]
    if number in (411, 1703):
        row[3] = "auf Anfrage"
    if number in (77, 2290, 2291):
        row[1] = "00.00.0000"
    if number % 131 == 5:
        row[4] = ""
    if number == 1200:
        row[5] = "drei"
    lines.append(";".join(row))
lines[2000:2000] = lines[1500:1503]  # copied twice by somebody

with open("kunden.csv", "w", encoding="latin-1", newline="\r\n") as file:
    file.write("\n".join(lines) + "\n")
