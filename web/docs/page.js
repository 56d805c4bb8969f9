// Shows openapi.json with RapiDoc, with this deployment's own address as its server.
const base = new URL(".", location.href).href.replace(/\/$/, "")
const dark = matchMedia("(prefers-color-scheme: dark)")

const reference = document.createElement("rapi-doc")
const attributes = {
  "allow-authentication": true,
  "allow-server-selection": false,
  "allow-spec-file-load": false,
  "allow-spec-url-load": false,
  "default-schema-tab": "schema",
  "load-fonts": false,
  "persist-auth": false,
  "render-style": "focused",
  "schema-style": "table",
  "show-header": false,
  "server-url": base,
  "spec-url": `${base}/openapi.json`,
}
for (const [name, value] of Object.entries(attributes)) reference.setAttribute(name, value)
const paint = () => reference.setAttribute("theme", dark.matches ? "dark" : "light")
dark.addEventListener("change", paint)
paint()
document.body.append(reference)
