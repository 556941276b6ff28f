// The page of one book's statistics: draws its charts.

import { drawCharts } from "./charts.js";

drawCharts(document, "book-charts");
