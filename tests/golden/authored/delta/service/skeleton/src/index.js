const app = require("fastify")();
{% if values.database and not values.cache -%}
const db = require("./db");
{% elif values.cache -%}
const cache = require("./cache");
{% endif -%}
{# regions in which it runs #}
const regions = ${{ values.regions | dump }};
app.listen({ port: ${{ values.port | int }} });
