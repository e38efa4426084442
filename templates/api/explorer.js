"use strict";

const root = document.documentElement;
const explorer = document.getElementById("api-explorer");
const systemIsDark = window.matchMedia("(prefers-color-scheme: dark)");

// Swagger UI has its dark colours under a class of the page; the reader's choice stands above the system's.
const takeTheme = () => {
  const theme = root.dataset.theme || (systemIsDark.matches ? "dark" : "light");
  root.classList.toggle("dark-mode", theme === "dark");
};
systemIsDark.addEventListener("change", takeTheme);
takeTheme();

SwaggerUIBundle({
  domNode: explorer,
  url: explorer.dataset.schema,
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: 0,
  persistAuthorization: false,
  validatorUrl: null,
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
  requestInterceptor: (request) => {
    // A browser session is only believed with its CSRF token; other credentials do not need it.
    if (request.method && request.method !== "GET") {
      request.headers["X-CSRFToken"] = explorer.dataset.csrf;
    }
    return request;
  },
});
