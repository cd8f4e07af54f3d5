"use strict";

const one = selector => document.querySelector(selector);
const prompt = one("#prompt"), seed = one("#seed"), panes = one("#panes"), message = one("#message");
let models = [];

/** The milliseconds from each keystroke to its image, of the first pane; a script that tests the page reads them. */
window.latencies = [];

function say(text) {
  message.textContent = text;
  message.hidden = !text;
}

async function answer(path, options) {
  const response = await fetch(path, options);
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({ error: `status ${response.status}` }));
  throw new Error(error.message ?? error);
}

/** An image and the model that draws it. Of the prompts that are typed while one is drawn, the last is drawn next. */
class Pane {
  constructor(model) {
    this.element = one("#pane").content.firstElementChild.cloneNode(true);
    [this.image, this.choice, this.time] = ["img", "select", "output"].map(name => this.element.querySelector(name));
    for (const { name } of models) this.choice.add(new Option(name));
    this.choice.value = model;
    this.choice.addEventListener("change", () => this.want());
    panes.append(this.element);
  }

  want(since = performance.now()) {
    this.wanted = { prompt: prompt.value, seed: seed.value || "0", model: this.choice.value, since };
    if (!this.busy) this.draw();
  }

  async draw() {
    this.busy = true;
    while (this.wanted) {
      const { since, ...query } = this.wanted;
      this.wanted = null;
      this.image.classList.add("waiting");
      try {
        const picture = await (await answer(`pictures?${new URLSearchParams(query)}`)).blob();
        const old = this.image.src;
        this.image.src = URL.createObjectURL(picture);
        await this.image.decode();
        if (old.startsWith("blob:")) URL.revokeObjectURL(old);
        const elapsed = performance.now() - since;
        [this.image.alt, this.shown] = [query.prompt, query];
        this.time.value = `${elapsed.toFixed(0)} ms`;
        if (this === all[0]) window.latencies.push(elapsed);
        say("");
      } catch (error) {
        this.time.value = "–";
        say(error.message);
      }
      this.image.classList.remove("waiting");
    }
    this.busy = false;
  }
}

const all = [];
const draw = () => { const now = performance.now(); for (const pane of all) pane.want(now); };

prompt.addEventListener("input", draw);
seed.addEventListener("input", draw);
one("#next-seed").addEventListener("click", () => { seed.value = (Number(seed.value) + 1) % 2 ** 32; draw(); });
one("#beside").addEventListener("change", event => {
  if (event.target.checked) {
    const other = models.find(({ name }) => name !== all[0].choice.value) ?? models[0];
    all.push(new Pane(other.name));
    all[1].want();
  } else {
    all.pop()?.element.remove();
  }
});

one("#prompt-form").addEventListener("submit", event => {
  event.preventDefault();
  for (const pane of all) if (pane.shown) keep(pane);
});

/** Adds the image of a pane to the gallery; choosing it there returns to its prompt and seed. */
function keep(pane) {
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [pane.image.naturalWidth, pane.image.naturalHeight];
  canvas.getContext("2d").drawImage(pane.image, 0, 0);
  const { prompt: text, seed: number, model } = pane.shown;
  const [item, button, image, caption] = ["li", "button", "img", "span"].map(name => document.createElement(name));
  [image.src, image.alt, caption.textContent] = [canvas.toDataURL(), text, `${text} · ${number} · ${model}`];
  button.append(image, caption);
  button.addEventListener("click", () => {
    [prompt.value, seed.value, all[0].choice.value] = [text, number, model];
    draw();
    prompt.focus();
  });
  item.append(button);
  one("#kept").prepend(item);
  one("#gallery-empty").hidden = true;
}

one("#between-form").addEventListener("submit", async event => {
  event.preventDefault();
  const query = new URLSearchParams({
    model: all[0]?.choice.value ?? "", from: prompt.value, seed: seed.value || "0", to: one("#to-prompt").value,
    "to-seed": one("#to-seed").value || "0",
  });
  try {
    const strip = one("#strip");
    URL.revokeObjectURL(strip.src);
    strip.src = URL.createObjectURL(await (await answer(`strip?${query}`)).blob());
    [strip.alt, strip.hidden] = [`from ${prompt.value} to ${one("#to-prompt").value}`, false];
    say("");
  } catch (error) {
    say(error.message);
  }
});

/** The curve of one number of a run as SVG, its smoothed course drawn over the raw one. */
function curve(name, points) {
  const [width, height] = [280, 120];
  const [values, last] = [points.map(([, y]) => y), points.at(-1)];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const x = step => 4 + (width - 8) * (step - points[0][0]) / Math.max(1, last[0] - points[0][0]);
  const y = value => height - 14 - (height - 28) * (value - low) / ((high - low) || 1);
  const path = list => list.map(([step, value], i) => `${i ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
  let mean = values[0];
  const smooth = points.map(([step, value]) => [step, mean += (value - mean) * 0.1]);
  const figure = document.createElement("figure");
  figure.innerHTML = `<svg viewBox="0 0 ${width} ${height}" role="img"><path opacity=".35"/><path/><text x="4" y="10"></text><text x="4"
    y="${height - 3}"></text><text x="${width - 4}" y="${height - 3}" text-anchor="end"></text></svg><figcaption></figcaption>`;
  const [raw, smoothed] = figure.querySelectorAll("path"), texts = figure.querySelectorAll("text");
  raw.setAttribute("d", path(points));
  smoothed.setAttribute("d", path(smooth));
  [texts[0].textContent, texts[1].textContent, texts[2].textContent] =
    [high.toPrecision(3), low.toPrecision(3), `step ${last[0]}`];
  figure.querySelector("svg").setAttribute("aria-label", `${name}, now ${last[1].toPrecision(3)}`);
  figure.querySelector("figcaption").textContent = name;
  return figure;
}

/** Follows the chosen run: its curves and its newest sample grid, every two seconds. */
async function follow() {
  const run = one("#run").value;
  if (!run) return;
  try {
    const { curves, sheet } = await (await answer(`runs/${encodeURIComponent(run)}`)).json();
    if (one("#run").value !== run) return;
    one("#curves").replaceChildren(...curves.filter(({ points }) => points.length > 1).map(({ name, points }) => curve(name, points)));
    if (!sheet) one("#sheets").replaceChildren();
    if (sheet && one("#sheets").dataset.sheet !== run + sheet) {
      const image = document.createElement("img");
      [image.src, image.alt] = [`runs/${encodeURIComponent(run)}/sheets/${encodeURIComponent(sheet)}`, `sample grid ${sheet}`];
      one("#sheets").replaceChildren(image);
      one("#sheets").dataset.sheet = run + sheet;
    }
  } catch (error) {
    say(error.message);
  }
}

async function begin() {
  const runs = await (await answer("runs")).json();
  if (runs.length > 0) {
    for (const name of runs) one("#run").add(new Option(name));
    [one("#runs-empty").hidden, one("#run-view").hidden] = [true, false];
    one("#run").addEventListener("change", follow);
    await follow();
    setInterval(() => { if (!document.hidden) follow(); }, 2000);
  }
  models = await (await answer("models")).json();
  if (models.length === 0) return say("There is no model here. Start the server with --model FOLDER, for example Examples/Models/emoji-student.");
  all.push(new Pane(models[0].name));
  one("#beside").closest("div").hidden = models.length < 2;
  draw();
}

begin().catch(error => say(error.message));
