"""How the page looks: light or dark as the reader's machine is, narrow or wide, and on paper. Data."""

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--paper:#fff;--card:#f6f8fa;--ink:#1b1f24;--soft:#57606a;--line:#d0d7de;--link:#0b57a4;\
--bad:#b3261e;--warn:#8a5a00;--ok:#1a7f37}
@media (prefers-color-scheme:dark){:root{--paper:#14171b;--card:#1c2127;--ink:#e6edf3;--soft:#9aa4ae;--line:#3a424b;\
--link:#79b8ff;--bad:#ff7b72;--warn:#e3b341;--ok:#56d364}}
body{margin:2rem auto;padding:0 1rem;max-width:52rem;background:var(--paper);color:var(--ink);\
font:17px/1.55 system-ui,sans-serif}
h1,h2,h3{line-height:1.25;overflow-wrap:anywhere}
h2{margin-top:2.8rem;border-top:1px solid var(--line);padding-top:1.2rem;font-size:1.35rem}
h3{margin:1.8rem 0 .3rem;font-size:1.08rem}
p,li,td,th,dd,dt{overflow-wrap:anywhere}
p{margin:.5rem 0}
a{color:var(--link)}
.source{color:var(--soft);font-size:.8rem}
.source a{color:inherit}
.bad{color:var(--bad)}.warn{color:var(--warn)}.ok{color:var(--ok)}
.alert{border:2px solid var(--bad);border-radius:.5rem;padding:.6rem 1rem;font-weight:600}
.boxes{display:grid;grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:1rem;padding:0;list-style:none;\
counter-reset:box}
.boxes li{counter-increment:box;background:var(--card);border:1px solid var(--line);border-radius:.5rem;\
padding:.7rem .9rem}
.boxes h3{margin:0 0 .3rem}
.boxes h3::before{content:counter(box) ". ";color:var(--soft)}
.boxes p{font-size:.92rem}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
caption{text-align:left;white-space:nowrap;color:var(--soft);padding:.3rem 0}
th,td{text-align:left;padding:.2rem .9rem .2rem 0;border-bottom:1px solid var(--line);vertical-align:top}
pre{background:var(--card);border:1px solid var(--line);border-radius:.4rem;padding:.6rem .8rem;overflow-x:auto;\
white-space:pre-wrap;overflow-wrap:anywhere;font-size:.85rem}
code{font-size:.92em}
@media print{body{margin:0;max-width:none;font-size:11pt}h2{break-after:avoid}h3{break-after:avoid}\
.boxes li,tr,pre{break-inside:avoid}.boxes{grid-template-columns:1fr 1fr}}
"""
