"""What the hotline wrote down about each call."""

import csv
import random
from datetime import datetime, timedelta

chance = random.Random(5)
moment = datetime(2025, 2, 1, 7)
with open("calls.csv", "w", newline="") as file:
    out = csv.writer(file)
    out.writerow(["called_at", "topic", "language", "customer_years", "calls_before", "queue", "minutes", "called_again"])
    for _ in range(4000):
        moment += timedelta(minutes=chance.expovariate(1 / 55))
        topic = chance.choice(["bill", "bill", "line", "move", "contract"])
        language, years = chance.choice(["de", "de", "en", "tr"]), round(chance.gammavariate(2, 2), 1)
        before, queue = min(9, int(chance.expovariate(1.2))), round(chance.expovariate(1 / 4), 1)
        base = {"bill": 6, "line": 14, "move": 9, "contract": 11}[topic]
        minutes = round(max(1, chance.gauss(base + 1.5 * before, 3)), 1)
        again = chance.random() < 0.08 + 0.1 * before + (0.25 if topic == "line" else 0)
        out.writerow([moment.isoformat(timespec="seconds"), topic, language, years, before, queue, minutes, again])
