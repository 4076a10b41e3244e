"""The shop's database, as it has always been there."""

import random
import sqlite3
from datetime import date, timedelta

chance = random.Random(11)
shop = sqlite3.connect("shop.db")
shop.executescript("""
    create table customers (id integer primary key, country text, since text);
    create table orders (id integer primary key, customer integer, placed text, category text, price real,
                         items integer, express integer, returned integer);
""")
for number in range(1, 601):
    since = date(2019, 1, 1) + timedelta(days=chance.randrange(2000))
    country = chance.choice(["DE", "DE", "AT", "CH", "FR"])
    shop.execute("insert into customers values (?, ?, ?)", (number, country, since.isoformat()))
for number in range(1, 4001):
    customer = chance.randrange(1, 601)
    placed = date(2025, 1, 1) + timedelta(days=number * 330 // 4000)
    category = chance.choice(["shoes", "shirts", "toys", "books", "books"])
    price, items = round(chance.lognormvariate(3.4, 0.6), 2), chance.choice([1, 1, 1, 2, 2, 3])
    express = int(chance.random() < 0.3)
    odds = {"shoes": 0.45, "shirts": 0.35, "toys": 0.1, "books": 0.04}[category] + (0.15 if price > 60 else 0)
    row = (number, customer, placed.isoformat(), category, price, items, express, int(chance.random() < odds))
    shop.execute("insert into orders values (?, ?, ?, ?, ?, ?, ?, ?)", row)
shop.commit()
