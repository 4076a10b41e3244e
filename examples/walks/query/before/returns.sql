-- Orders that are old enough to have come back.
select o.placed, c.country, julianday(o.placed) - julianday(c.since) as days_known,
       o.category, o.price, o.items, o.express, o.returned
from orders o join customers c on c.id = o.customer
where o.placed < '2025-11-01'
order by o.id
