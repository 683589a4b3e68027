/** The chart of docs/performance.md. */
import { BarChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import * as echarts from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { number } from "./format.ts";
import { type Engine, find, type Path, type Row } from "./rows.ts";

echarts.use([BarChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer]);

const WIDTH = 860;
const HEIGHT = 470;
/** Readable on white and on the dark grey of dark pages. */
const TEXT = "#6f7c8a";
const COLORS = ["#2f81f7", "#db8e21"];
const FONT = "system-ui, sans-serif";

interface Panel {
  readonly title: string;
  readonly engine: Engine;
  readonly left: number;
  readonly width: number;
  /** Bars from the top, each with its label. */
  readonly paths: readonly (readonly [Path, string])[];
}

const PANELS: readonly Panel[] = [
  {
    title: "XS on RV32: instructions a call",
    engine: "xs-rv32",
    left: 118,
    width: 250,
    paths: [
      ["native", "native"],
      ["typescript", "TypeScript"],
      ["DataView", "DataView"],
      ["template", "template"],
      ["JSON.stringify", "JSON.stringify"],
    ],
  },
  {
    title: "Node: ns a call",
    engine: "node",
    left: 540,
    width: 250,
    paths: [
      ["typescript", "xs-telemetry"],
      ["DataView", "DataView"],
      ["avsc", "avsc"],
      ["cbor-x", "cbor-x"],
      ["msgpackr", "msgpackr"],
      ["protobufjs", "protobufjs"],
      ["pino", "pino"],
      ["JSON.stringify", "JSON.stringify"],
      ["otel-logs", "OTel Logs SDK"],
    ],
  },
];
const SERIES = [
  { name: "msg.recv without payload", payloadChars: 0 },
  { name: "with 100 characters", payloadChars: 100 },
] as const;

/** An SVG drawing without a background. */
export function chart(rows: readonly Row[]): string {
  const drawing = echarts.init(null, null, { renderer: "svg", ssr: true, width: WIDTH, height: HEIGHT });
  const text = { color: TEXT, fontFamily: FONT, fontSize: 12 };
  drawing.setOption({
    animation: false,
    textStyle: text,
    color: COLORS,
    legend: {
      bottom: 0,
      textStyle: text,
      itemWidth: 12,
      itemHeight: 12,
      itemGap: 40,
      data: SERIES.map(({ name }) => name),
    },
    title: PANELS.map(({ title, left }) => ({
      text: title,
      left: left - 100,
      top: 6,
      textStyle: { ...text, fontSize: 14 },
    })),
    grid: PANELS.map(({ left, width }) => ({ left, width, top: 40, bottom: 40 })),
    xAxis: PANELS.map((_, gridIndex) => ({ type: "value", gridIndex, show: false })),
    yAxis: PANELS.map(({ paths }, gridIndex) => ({
      type: "category",
      gridIndex,
      inverse: true,
      data: paths.map(([, label]) => label),
      axisLabel: text,
      axisTick: { show: false },
      axisLine: { show: false },
    })),
    series: PANELS.flatMap(({ engine, paths }, index) =>
      SERIES.map(({ name, payloadChars }) => ({
        type: "bar",
        name,
        xAxisIndex: index,
        yAxisIndex: index,
        barMaxWidth: 16,
        barGap: "10%",
        data: paths.map(([path]) => costOf(rows, engine, path, payloadChars)),
        label: { show: true, position: "right", ...text, formatter: ({ value }: { value: number }) => number(value) },
      })),
    ),
  });
  const svg = drawing.renderToSVGString();
  drawing.dispose();
  return `${svg.replace(/^<svg[^>]*>/, "$&\n<title>What one msg.recv costs</title>")}\n`;
}

function costOf(rows: readonly Row[], engine: Engine, path: Path, payloadChars: number): number | null {
  const row = find(rows, { engine, path, event: "msg.recv", payloadChars });
  return row?.instructions ?? row?.ns ?? null;
}
