"""3,000 loan applications."""

import csv
import random

draw = random.Random(7)
HOUSING = ["rent", "own", "mortgage", "other"]
PURPOSE = ["car", "debt consolidation", "home improvement", "medical", "small business", "wedding"]
STATES = ["AZ", "CA", "FL", "GA", "IL", "NY", "OH", "PA", "TX", "WA"]

with open("loans.csv", "w", newline="", encoding="utf-8") as file:
    out = csv.writer(file)
    out.writerow(["application_id", "income", "amount", "rate", "employed_years", "housing", "purpose", "state",
                  "late_payments", "defaulted"])
    for number in range(3000):
        income = round(draw.lognormvariate(10.9, 0.5), 2)
        amount = draw.randrange(1000, 40001, 25)
        rate = round(draw.uniform(4.9, 24.9), 2)
        years = draw.choice(["", *range(0, 11)])
        housing = draw.choices(HOUSING, [40, 15, 40, 5])[0]
        purpose = draw.choices(PURPOSE, [10, 50, 15, 8, 12, 5])[0]
        state, late = draw.choice(STATES), draw.choices([0, 1, 2, 3, 4], [70, 15, 8, 4, 3])[0]
        score = (
            1.1 * (amount / income - 0.3) + 0.11 * (rate - 13) + 0.5 * late - 2.0 + 0.4 * (years == "")
            + {"rent": 0.3, "own": -0.2, "mortgage": -0.3, "other": 0.4}[housing]
            + {"small business": 0.9, "medical": 0.4, "wedding": -0.3}.get(purpose, 0.0)
        )
        bad = draw.random() < 1 / (1 + 2.718281828 ** -(1.6 * score))
        shown = "" if draw.random() < 0.08 else income
        out.writerow([f"L{100000 + number}", shown, amount, rate, years, "" if draw.random() < 0.03 else housing,
                      purpose, state, late, "yes" if bad else "no"])
