"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const [first, last] = data.span[1] > data.span[0] ? data.span : [data.span[0], data.span[0] + 1];
  let [from, to] = [first, last];
  let hover = null;
  let drag = null;
  const tip = document.getElementById("tip");
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const LEFT = 64, RIGHT = 10, TOP = 8, BOTTOM = 20, LANE = 22, COLOURS = 8, LEAST = 1000;

  // --- words and numbers
  const two = (n) => String(n).padStart(2, "0");
  const clock = (t, long) => {
    const d = new Date(t);
    const time = `${two(d.getUTCHours())}:${two(d.getUTCMinutes())}` + (to - from < 600000 || long ? `:${two(d.getUTCSeconds())}` : "");
    const day = `${d.getUTCFullYear()}-${two(d.getUTCMonth() + 1)}-${two(d.getUTCDate())}`;
    return long || to - from > 172800000 ? `${day} ${time}` : time;
  };
  const number = (v) => {
    const a = Math.abs(v);
    if (a >= 1e12) return +(v / 1e12).toPrecision(4) + " T";
    if (a >= 1e9) return +(v / 1e9).toPrecision(4) + " G";
    if (a >= 1e6) return +(v / 1e6).toPrecision(4) + " M";
    if (a >= 1e4) return +(v / 1e3).toPrecision(4) + " k";
    return String(+v.toPrecision(4));
  };
  // The step of an axis: 1, 2 or 5 times a power of ten.
  const step = (span, parts) => {
    const raw = span / parts, power = 10 ** Math.floor(Math.log10(raw));
    return power * ([1, 2, 5].find((m) => m * power >= raw) || 10);
  };
  const SPANS = [1, 5, 15, 30, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800, 1209600].map((s) => s * 1000);
  const ticks = (parts) => {
    const by = SPANS.find((s) => (to - from) / s <= parts) || SPANS[SPANS.length - 1];
    const out = [];
    for (let t = Math.ceil(from / by) * by; t <= to; t += by) out.push(t);
    return out;
  };

  // --- one canvas
  const fit = (canvas, height) => {
    const ratio = window.devicePixelRatio || 1, width = canvas.clientWidth;
    canvas.width = Math.max(1, Math.round(width * ratio));
    canvas.height = Math.max(1, Math.round(height * ratio));
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, width, height);
    g.font = "11px system-ui, sans-serif";
    return [g, width, height];
  };
  const place = (t, width) => LEFT + ((t - from) / (to - from)) * (width - LEFT - RIGHT);
  const time = (x, width) => from + ((x - LEFT) / (width - LEFT - RIGHT)) * (to - from);
  const within = (x, width) => Math.min(width - RIGHT, Math.max(LEFT, x));

  const shades = (g, width, top, bottom) => {
    g.fillStyle = css("--shade");
    for (const s of data.shades) {
      if (s.to < from || s.from > to) continue;
      const a = within(place(s.from, width), width), b = within(place(s.to, width), width);
      g.fillRect(a, top, Math.max(1, b - a), bottom - top);
    }
  };
  const cross = (g, width, top, bottom) => {
    if (drag && Math.abs(drag.now - drag.begin) > 3) {
      g.fillStyle = css("--down");
      g.globalAlpha = 0.18;
      const [a, b] = [drag.begin, drag.now].sort((p, q) => p - q);
      g.fillRect(within(a, width), top, within(b, width) - within(a, width), bottom - top);
      g.globalAlpha = 1;
    }
    if (hover === null || hover < from || hover > to) return;
    g.strokeStyle = css("--soft");
    g.beginPath();
    g.moveTo(place(hover, width), top);
    g.lineTo(place(hover, width), bottom);
    g.stroke();
  };

  // The points in sight, and one on either side of them.
  const seen = (points) => {
    const find = (t) => {
      let low = 0, high = points.length;
      while (low < high) {
        const mid = (low + high) >> 1;
        if (points[mid][0] < t) low = mid + 1; else high = mid;
      }
      return low;
    };
    return [Math.max(0, find(from) - 1), Math.min(points.length, find(to + 1) + 1)];
  };
  const at = (line, t) => {
    const points = line.points;
    let low = 0, high = points.length;
    while (low < high) {
      const mid = (low + high) >> 1;
      if (points[mid][0] <= t) low = mid + 1; else high = mid;
    }
    const before = points[low - 1], after = points[low];
    if (line.steps || !after) return before ? before[1] : null;
    if (!before) return null;
    return t - before[0] <= after[0] - t ? before[1] : after[1];
  };

  const charts = data.charts.map((chart, i) => {
    const figure = document.querySelector(`figure[data-chart="${i}"]`);
    const legend = figure.querySelector(".legend");
    chart.lines.forEach((line, n) => {
      line.shown = true;
      line.colour = `--c${n % COLOURS}`;
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = line.name;
      button.setAttribute("aria-pressed", "true");
      button.style.setProperty("--mine", `var(${line.colour})`);
      button.addEventListener("click", () => {
        line.shown = !line.shown;
        button.setAttribute("aria-pressed", String(line.shown));
        draw();
      });
      legend.append(button);
    });
    return { chart, canvas: figure.querySelector("canvas") };
  });

  const bounds = (chart) => {
    let low = 0, high = -Infinity;
    for (const line of chart.lines) {
      if (!line.shown) continue;
      const [a, b] = seen(line.points);
      for (let i = a; i < b; i++) {
        const v = line.points[i][1];
        if (v === null) continue;
        low = Math.min(low, v);
        high = Math.max(high, v);
      }
    }
    if (high === -Infinity) return [0, 1];
    return [low, high > low ? high + (high - low) * 0.05 : low + 1];
  };

  const drawChart = ({ chart, canvas }) => {
    const [g, width, height] = fit(canvas, canvas.clientHeight);
    const [low, high] = bounds(chart), bottom = height - BOTTOM;
    const y = (v) => bottom - ((v - low) / (high - low)) * (bottom - TOP);
    shades(g, width, TOP, bottom);
    g.strokeStyle = css("--line");
    g.fillStyle = css("--soft");
    g.textAlign = "right";
    g.textBaseline = "middle";
    const by = step(high - low, 4);
    for (let v = Math.ceil(low / by) * by; v <= high; v += by) {
      g.beginPath();
      g.moveTo(LEFT, y(v));
      g.lineTo(width - RIGHT, y(v));
      g.stroke();
      g.fillText(number(v), LEFT - 6, y(v));
    }
    g.textAlign = "center";
    g.textBaseline = "top";
    for (const t of ticks(Math.max(2, width / 110))) g.fillText(clock(t), place(t, width), bottom + 5);
    g.save();
    g.beginPath();
    g.rect(LEFT, 0, width - LEFT - RIGHT, height);
    g.clip();
    g.lineWidth = 1.5;
    g.lineJoin = "round";
    for (const line of chart.lines) {
      if (!line.shown) continue;
      g.strokeStyle = css(line.colour);
      g.beginPath();
      const [a, b] = seen(line.points);
      let open = false, before = 0;
      for (let i = a; i < b; i++) {
        const [t, v] = line.points[i];
        if (v === null) {
          open = false;
          continue;
        }
        const x = place(t, width);
        if (!open) {
          g.moveTo(x, y(v));
          // A single point between two gaps would not be seen.
          g.lineTo(x + 0.5, y(v));
        } else {
          if (line.steps) g.lineTo(x, y(before));
          g.lineTo(x, y(v));
        }
        open = true;
        before = v;
      }
      g.stroke();
    }
    g.restore();
    g.lineWidth = 1;
    cross(g, width, TOP, bottom);
  };

  // --- marks, a lane for each whose they are
  const lanes = [...new Set(data.marks.map((m) => m.lane))];
  const lane = document.createElement("canvas");
  lane.setAttribute("role", "img");
  lane.setAttribute("aria-label", "Decisions over time; the table below has each with its reasons");
  if (lanes.length) document.getElementById("lanes")?.append(lane);
  const SHAPES = { up: [[0, -6], [6, 5], [-6, 5]], down: [[0, 6], [6, -5], [-6, -5]], failure: [[-5, -5], [0, -1], [5, -5], [1, 0], [5, 5], [0, 1], [-5, 5], [-1, 0]] };
  const SQUARE = [[-3, -3], [3, -3], [3, 3], [-3, 3]];
  const drawLanes = () => {
    const high = lanes.length * LANE + BOTTOM;
    lane.style.height = `${high}px`;
    const [g, width] = fit(lane, high);
    shades(g, width, 0, lanes.length * LANE);
    g.textBaseline = "middle";
    g.textAlign = "right";
    g.fillStyle = css("--soft");
    lanes.forEach((name, i) => {
      const text = name.length > 10 ? name.slice(0, 9) + "…" : name;
      g.fillText(text, LEFT - 6, i * LANE + LANE / 2);
    });
    for (const m of data.marks) {
      if (m.at < from || m.at > to) continue;
      const x = place(m.at, width), y = lanes.indexOf(m.lane) * LANE + LANE / 2;
      g.fillStyle = g.strokeStyle = css(`--${m.kind}`);
      g.beginPath();
      for (const [dx, dy] of SHAPES[m.kind] || SQUARE) g.lineTo(x + dx, y + dy);
      g.closePath();
      // What presumes something that did not happen is hollow.
      if (m.caveat) g.stroke(); else g.fill();
    }
    g.textAlign = "center";
    g.textBaseline = "top";
    g.fillStyle = css("--soft");
    for (const t of ticks(Math.max(2, width / 110))) g.fillText(clock(t), place(t, width), lanes.length * LANE + 4);
    cross(g, width, 0, lanes.length * LANE);
  };
  const markAt = (event) => {
    const box = lane.getBoundingClientRect(), x = event.clientX - box.left, row = Math.floor((event.clientY - box.top) / LANE);
    let best = -1, near = 9;
    data.marks.forEach((m, i) => {
      const d = Math.abs(place(m.at, box.width) - x);
      if (lanes.indexOf(m.lane) === row && m.at >= from && m.at <= to && d < near) [best, near] = [i, d];
    });
    return best;
  };

  // --- all of it
  let due = false;
  const draw = () => {
    if (due) return;
    due = true;
    requestAnimationFrame(() => {
      due = false;
      charts.forEach(drawChart);
      if (lanes.length) drawLanes();
      const range = document.querySelector(".range");
      if (range) range.textContent = `${clock(from, true)} to ${clock(to, true)}`;
    });
  };
  const zoom = (a, b) => {
    const least = Math.min(LEAST, last - first), span = Math.min(last - first, Math.max(least, b - a));
    from = Math.min(Math.max(first, a), last - span);
    to = from + span;
    draw();
  };
  const show = (event, lines) => {
    tip.replaceChildren();
    for (const [text, bold] of lines) {
      const row = document.createElement("div");
      row.append(bold ? Object.assign(document.createElement("b"), { textContent: text }) : text);
      tip.append(row);
    }
    tip.hidden = false;
    const box = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(4, Math.min(event.clientX + 14, innerWidth - box.width - 8))}px`;
    tip.style.top = `${Math.max(4, Math.min(event.clientY + 14, innerHeight - box.height - 8))}px`;
  };
  const shadeAt = (t) => data.shades.filter((s) => s.from <= t && t <= s.to).map((s) => [s.why, false]);

  for (const { chart, canvas } of charts) {
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect(), x = event.clientX - box.left;
      hover = time(within(x, box.width), box.width);
      if (drag) drag.now = x;
      const value = (line) => {
        const v = at(line, hover);
        return [`${line.name}: ${v === null || v === undefined ? "not known" : number(v)}`, false];
      };
      show(event, [[clock(hover, true), true], ...chart.lines.filter((l) => l.shown).map(value), ...shadeAt(hover)]);
      draw();
    });
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const x = event.clientX - canvas.getBoundingClientRect().left;
      drag = { begin: x, now: x };
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointerup", () => {
      const width = canvas.clientWidth;
      if (drag && Math.abs(drag.now - drag.begin) > 3) {
        const [a, b] = [drag.begin, drag.now].map((x) => time(within(x, width), width)).sort((p, q) => p - q);
        drag = null;
        zoom(a, b);
      }
      drag = null;
      draw();
    });
    canvas.addEventListener("pointercancel", () => { drag = null; draw(); });
    canvas.addEventListener("dblclick", () => zoom(first, last));
    canvas.addEventListener("wheel", (event) => {
      // Without a key the wheel scrolls the page, as everywhere.
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const box = canvas.getBoundingClientRect(), t = time(within(event.clientX - box.left, box.width), box.width);
      const by = event.deltaY > 0 ? 1.25 : 0.8;
      zoom(t - (t - from) * by, t + (to - t) * by);
    }, { passive: false });
  }
  const leave = () => { hover = null; tip.hidden = true; draw(); };
  for (const c of [...charts.map((c) => c.canvas), lane]) c.addEventListener("pointerleave", leave);
  lane.addEventListener("pointermove", (event) => {
    const i = markAt(event), box = lane.getBoundingClientRect();
    hover = time(within(event.clientX - box.left, box.width), box.width);
    if (i < 0) show(event, [[clock(hover, true), true], ...shadeAt(hover)]);
    else {
      const m = data.marks[i];
      show(event, [[clock(m.at, true), true], [`${m.lane}: ${m.title}`, true], [m.reason, false]]);
    }
    draw();
  });
  lane.addEventListener("click", (event) => {
    const i = markAt(event);
    if (i < 0) return;
    document.querySelectorAll("tr.found").forEach((r) => r.classList.remove("found"));
    const row = document.getElementById(`mark-${i}`);
    row.hidden = false;
    row.classList.add("found");
    row.scrollIntoView({ block: "center", behavior: "smooth" });
  });

  document.querySelectorAll(".tools").forEach((t) => { t.hidden = false; });
  document.querySelectorAll("button[data-zoom]").forEach((button) => {
    button.addEventListener("click", () => {
      const span = to - from, mid = (from + to) / 2;
      const how = { in: [mid - span / 4, mid + span / 4], out: [mid - span, mid + span], left: [from - span / 2, to - span / 2], right: [from + span / 2, to + span / 2], all: [first, last] };
      zoom(...how[button.dataset.zoom]);
    });
  });
  document.querySelectorAll("#marks tbody tr").forEach((row) => {
    row.addEventListener("click", () => {
      if (String(getSelection())) return;
      const t = Number(row.dataset.at), span = Math.min(last - first, Math.max(600000, (last - first) / 20));
      zoom(t - span / 2, t + span / 2);
    });
  });
  const filter = document.getElementById("filter");
  filter?.addEventListener("input", () => {
    const word = filter.value.toLowerCase();
    let shown = 0;
    document.querySelectorAll("#marks tbody tr").forEach((row) => {
      row.hidden = !row.textContent.toLowerCase().includes(word);
      shown += row.hidden ? 0 : 1;
    });
    document.getElementById("shown").textContent = word ? `${shown} shown` : "";
  });
  addEventListener("resize", draw);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  draw();
})();
