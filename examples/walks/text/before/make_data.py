"""Tickets as the help desk has them: what people wrote, and the queue where the ticket ended. Made up, from a seed."""

import csv
import random

random.seed(7)
QUEUES = {
    "billing": ["invoice", "refund", "charged twice", "credit card", "payment failed", "the bill is wrong", "VAT number",
                "receipt", "price went up", "direct debit"],
    "login": ["password", "cannot log in", "two factor code", "account locked", "reset link", "SMS does not arrive",
              "wrong user name", "session expired", "captcha"],
    "delivery": ["parcel", "tracking number", "courier", "arrived broken", "not delivered", "wrong address", "customs",
                 "late again", "neighbour has it"],
    "bug": ["crashes", "error 500", "blank page", "button does nothing", "freezes", "stack trace", "since the update",
            "app closes", "wrong total shown"],
}  # fmt: skip
OPEN = ["Hi,", "Hello team,", "Dear support,", "URGENT!!", "", "", "Hey there", "good morning,"]
CLOSE = ["Thanks", "please help", "best regards, Tom", "asap please", "", "sent from my phone", "Order {n}", "kind regards"]
FILL = ["I have a question about", "there is a problem with", "yesterday:", "still the same:", "my", "again", "what about",
        "I do not understand", "can you look at"]  # fmt: skip


def typo(text):
    if random.random() < 0.25 and len(text) > 8:
        at = random.randrange(2, len(text) - 2)
        return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


def ticket(queue):
    words = random.choices(QUEUES[queue], k=random.choice([1, 1, 2, 3]))
    if random.random() < 0.15:
        words += random.choices(QUEUES[random.choice(list(QUEUES))])
    body = ", ".join(f"{random.choice(FILL)} {word}" for word in words)
    end = random.choice(CLOSE).format(n=random.randrange(10000, 99999))
    return typo(" ".join(part for part in (random.choice(OPEN), body, end) if part))


rows = []
for number in range(2400):
    queue = random.choices(list(QUEUES), [4, 3, 2, 2])[0]
    text = ticket(queue)
    if random.random() < 0.04:  # somebody clicked the wrong queue
        queue = random.choice(list(QUEUES))
    rows.append([f"T-{number:05d}", random.choice(["mail", "web", "phone"]), text, queue])
rows[600][2] = ""
rows[601][3] = ""
rows[1500:1500] = rows[200:203]

with open("tickets.csv", "w", encoding="utf-8", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["ticket", "channel", "text", "queue"])
    writer.writerows(rows)
