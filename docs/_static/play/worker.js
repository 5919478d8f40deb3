/* minigrad in a worker of the page: Pyodide, NumPy's wheel and the pure wheel, all from this site.

   In come {id, request}, out go {id, answer}, texts of JSON; first {ready} or {missing} or {error}. */

const runtime = new URL("../pyodide/", import.meta.url);

async function start() {
  const response = await fetch(new URL("here.json", runtime));
  const here = response.ok ? await response.json() : {};
  if (!here.wheels) return { missing: here.missing || "The site was built without _static/pyodide." };
  const { loadPyodide } = await import(new URL("pyodide.mjs", runtime));
  const pyodide = await loadPyodide({ indexURL: runtime.href });
  await pyodide.loadPackage(here.wheels.map((name) => new URL(name, runtime).href));
  for (const name of ["player.py", "digits.json"]) {
    const file = await fetch(new URL(name, import.meta.url));
    if (!file.ok) throw new Error(`${name}: ${file.status} ${file.statusText}`);
    pyodide.FS.writeFile(name, new Uint8Array(await file.arrayBuffer()));
  }
  const player = pyodide.pyimport("player");
  self.onmessage = ({ data: { id, request } }) => {
    try {
      self.postMessage({ id, answer: player.answer(request) });
    } catch (error) {
      self.postMessage({ id, error: error.message });
    }
  };
  return { ready: JSON.parse(player.answer('{"call": "versions"}')) };
}

start().then(
  (state) => self.postMessage(state),
  (error) => self.postMessage({ error: error.message }),
);
