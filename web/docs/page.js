// Shows openapi.json with RapiDoc, as the description of this deployment: with its own address.

const COLORS = {
  light: {
    "bg-color": "#ffffff",
    "text-color": "#1f2328",
    "header-color": "#f6f7f8",
    "primary-color": "#0b6e63",
    "nav-bg-color": "#f6f7f8",
    "nav-text-color": "#3d444d",
    "nav-hover-bg-color": "#e8ecec",
    "nav-hover-text-color": "#0b6e63",
    "nav-accent-color": "#0b6e63",
  },
  dark: {
    "bg-color": "#14171a",
    "text-color": "#e3e6e8",
    "header-color": "#1b1f23",
    "primary-color": "#4fc3b3",
    "nav-bg-color": "#1b1f23",
    "nav-text-color": "#c4cacf",
    "nav-hover-bg-color": "#262c31",
    "nav-hover-text-color": "#4fc3b3",
    "nav-accent-color": "#4fc3b3",
  },
}
const LOOK = {
  "allow-server-selection": false,
  "allow-spec-file-load": false,
  "allow-spec-url-load": false,
  "allow-spec-file-download": false,
  "load-fonts": false,
  "mono-font": "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace",
  // A key is kept in memory only.
  "persist-auth": false,
  "regular-font": "system-ui, sans-serif",
  "schema-description-expanded": true,
  "schema-style": "table",
  "show-header": false,
  "use-path-in-nav-bar": false,
}

// The fields that are of no parameter: what is sent, and its content type.
const UNNAMED = { select: "Content type", textarea: "Body", input: "Value" }

const base = new URL(".", location.href).href.replace(/\/$/, "")

/** The description, with the address of this deployment, and with what RapiDoc needs to send calls that succeed. */
async function description() {
  const found = await (await fetch("openapi.json")).json()
  found.servers = [{ url: base }]
  delete found.info.license // of the software, not of the images
  // Only the path is filled with samples: sent with a first call, those of headers and filters would be in the way.
  for (const parameter of Object.values(found.components.parameters)) parameter["x-fill-example"] = "no"
  for (const path of Object.values(found.paths)) {
    delete path.head // the same as GET, without a body
    for (const operation of Object.values(path)) prepare(operation)
  }
  return found
}

function prepare({ "x-codeSamples": samples, requestBody }) {
  for (const sample of samples) sample.source = withAddress(sample.source)
  const json = requestBody?.content["application/json"]
  if (json) json.examples = { sample: { value: json.example } } // in place of one made of all fields
}

function withAddress(source) {
  return source
    .replace('os.environ["EASEL_URL"] + "', `"${base}`)
    .replace("const { EASEL_URL, EASEL_KEY } = process.env", "const { EASEL_KEY } = process.env")
    .replace("${EASEL_URL}", base)
    .replace("$EASEL_URL", base)
}

function paint(reference, dark) {
  const theme = dark ? "dark" : "light"
  for (const [name, value] of Object.entries({ theme, ...COLORS[theme] })) reference.setAttribute(name, value)
}

/** Name each field of a form for screen readers, whenever RapiDoc has drawn it: it leaves that out. */
function nameFields({ prototype }) {
  const { updated } = prototype
  prototype.updated = function (...changed) {
    updated?.apply(this, changed)
    for (const field of this.renderRoot.querySelectorAll("input, select, textarea")) {
      if (field.labels.length === 0) field.setAttribute("aria-label", field.dataset.pname ?? UNNAMED[field.localName])
    }
  }
}

const reference = document.createElement("rapi-doc")
for (const [name, value] of Object.entries(LOOK)) reference.setAttribute(name, value)
// Beside each other, or with the list of calls in place of the menu, for which a phone is too narrow.
reference.setAttribute("render-style", matchMedia("(min-width: 768px)").matches ? "focused" : "view")

const dark = matchMedia("(prefers-color-scheme: dark)")
dark.addEventListener("change", () => paint(reference, dark.matches))
paint(reference, dark.matches)
document.body.append(reference)
await customElements.whenDefined("rapi-doc")
nameFields(await customElements.whenDefined("api-request"))
await reference.loadSpec(await description())
