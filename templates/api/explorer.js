"use strict";

const explorer = document.getElementById("api-explorer");

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
