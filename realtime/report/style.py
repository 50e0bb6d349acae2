"""The style sheet of the page."""

from __future__ import annotations

# Left and right as in realtime/app/draw.py (Okabe and Ito 2008), darker on white paper; what
# draw.py shows white on a picture is green here.
STYLE = """
:root{color-scheme:light dark;--paper:#f6f5f2;--card:#fff;--ink:#1d1f22;--soft:#5d6269;
--line:#e3e1dc;--left:#0072b2;--right:#d17f00;--middle:#00875f;--sure:#3c4654;--guess:#9db2c6;
--none:#e6e4df;--link:#0b5cad}
@media (prefers-color-scheme:dark){:root{--paper:#131518;--card:#1b1e22;--ink:#eceae5;
--soft:#a2a7ae;--line:#2e3238;--left:#56b4e9;--right:#e69f00;--middle:#2fc39a;--sure:#c3ccd6;
--guess:#5b7288;--none:#2b2f35;--link:#8ac2f5}}
*{box-sizing:border-box}
html{scroll-behavior:smooth;-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:1320px;padding:28px clamp(14px,3vw,40px) 64px;
background:var(--paper);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif;
font-variant-numeric:tabular-nums}
a{color:var(--link);text-decoration-thickness:1px;text-underline-offset:2px}
header{margin-bottom:22px}
.brand{margin:0;color:var(--soft);font-size:12.5px;letter-spacing:.09em;text-transform:uppercase}
h1{margin:2px 0 14px;font-size:clamp(24px,4.2vw,36px);line-height:1.15;letter-spacing:-.015em;
overflow-wrap:anywhere}
h2{margin:44px 0 4px;padding-top:20px;border-top:2px solid var(--ink);font-size:24px;
letter-spacing:-.01em}
dd{font-size:14.5px}
h2+p{margin:0 0 16px;color:var(--soft)}
h3{margin:0 0 6px;font-size:15.5px;font-weight:650}
h4{margin:26px 0 12px;font-size:13px;font-weight:650;letter-spacing:.06em;text-transform:uppercase;
color:var(--soft)}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(45%,190px),1fr));
gap:10px 24px;margin:0}
.facts div{min-width:0}
dt{color:var(--soft);font-size:12.5px}
dd{margin:0;overflow-wrap:anywhere}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(46%,150px),1fr));gap:12px;
margin:0 0 16px;padding:0;list-style:none}
.tiles li{padding:12px 16px;background:var(--card);border:1px solid var(--line);border-radius:10px;
color:var(--soft);font-size:13px;line-height:1.35}
.tiles b{display:block;white-space:nowrap;color:var(--ink);font-size:22px;font-weight:600;
letter-spacing:-.01em}
nav{display:flex;flex-wrap:wrap;gap:4px 16px;margin:18px 0 0}
.warn+.grid-2{margin-top:16px}
.warn{margin:14px 0 0;padding:10px 14px;border-left:3px solid var(--right);background:var(--card)}
.grid-2{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,500px),1fr));gap:16px}
figure{display:flex;flex-direction:column;min-width:0;margin:0;padding:16px 18px 14px;
background:var(--card);border:1px solid var(--line);border-radius:10px}
.grid-2>figure:last-child:nth-child(odd){grid-column:1/-1}
.grid-2+.grid-2,figure+.grid-2{margin-top:16px}
figcaption{margin-top:auto;padding-top:8px;color:var(--soft);font-size:13px;line-height:1.45;
max-width:75ch}
details{margin-top:16px}
summary{cursor:pointer;padding:6px 0 12px;color:var(--link)}
.legend{display:flex;flex-wrap:wrap;gap:2px 16px;margin:0 0 4px;color:var(--soft);font-size:13px}
.key::before{content:"";display:inline-block;width:18px;height:3px;margin-right:6px;
border-radius:2px;background:currentColor;vertical-align:middle}
.key.left::before,rect.left,th.left::before{background:var(--left);fill:var(--left)}
.key.right::before,rect.right,th.right::before{background:var(--right);fill:var(--right)}
.key.middle::before,rect.middle,th.middle::before{background:var(--middle);fill:var(--middle)}
.key.thin::before{height:1px}
.key.dots::before{background:
repeating-linear-gradient(90deg,currentColor 0 2px,transparent 2px 5px)}
.key.block::before{width:12px;height:12px}
.key.measured::before{background:var(--sure)}
.key.predicted::before{background:var(--guess)}
.key.lost::before{background:var(--none)}
.plot{padding:24px 10px 26px 46px}
.plot.with-right{padding-right:44px}
.rows .plot{padding:4px 14px 26px 112px}
.plot>svg{display:block;overflow:visible}
.plot text{fill:var(--soft);font-size:12px}
.plot a text{fill:var(--link)}
.end{text-anchor:end}
.mid{text-anchor:middle}
.plot .unit{font-size:12px}
text.unit.end{text-anchor:end;transform:translateX(36px)}
.grid{stroke:var(--line);stroke-width:1;shape-rendering:crispEdges}
path{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round;
vector-effect:non-scaling-stroke}
path.left{stroke:var(--left)}
path.right{stroke:var(--right)}
path.middle{stroke:var(--middle)}
path.raw{stroke-width:.9;opacity:.55}
path.guess{stroke-width:1.6;stroke-dasharray:.1 4}
path.way{stroke-width:1.4}
path.ghost{stroke:var(--soft);stroke-width:1.5}
path.dense{stroke-width:.9;opacity:.6}
path.raw.dense{opacity:.25}
path.way.dense{stroke-width:.6;opacity:.5}
path:hover{stroke-width:3}
.bar{fill:var(--sure)}
rect.measured{fill:var(--sure)}
rect.predicted{fill:var(--guess)}
rect.lost{fill:var(--none)}
rect.whisker{opacity:.45}
rect.half{opacity:.75}
rect.median{fill:var(--ink)}
.scroll{overflow-x:auto}
table{width:100%;border-collapse:collapse;font-size:14px}
th,td{padding:4px 10px;text-align:right;white-space:nowrap}
thead th{padding:3px 10px;color:var(--soft);font-size:12.5px;font-weight:500;vertical-align:bottom}
thead th[colspan]{border-bottom:1px solid var(--line)}
th:first-child,tbody th{text-align:left;font-weight:500}
thead tr+tr th:first-child{text-align:right}
tbody tr{border-top:1px solid var(--line)}
tbody th::before{content:"";display:inline-block;width:8px;height:8px;margin-right:8px;
border-radius:50%}
td.ratio{font-weight:650}
footer{margin-top:48px;color:var(--soft);font-size:13px}
@media (max-width:640px){.tiles li{padding:10px 12px}.tiles b{font-size:19px}
.alt,.extra{display:none}figure{padding:14px 12px 12px}
th,td,thead th{padding-left:5px;padding-right:5px}table{font-size:13px}}
@media print{body{max-width:none;background:#fff}figure{break-inside:avoid}}
"""
