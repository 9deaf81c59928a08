// Answers of Prometheus to Grafana's data frames, as its Prometheus data source makes them.
import { FieldType, toDataFrame } from '@grafana/data';

export const STEP_MS = 1000;

/** All frames of a panel. answers: one list of series a target. */
export function framesOf(panel, answers) {
  const several = panel.targets.length > 1;
  return panel.targets.flatMap((target, i) =>
    target.format === 'table'
      ? [tableOf(target, answers[i], several)]
      : answers[i].map((series) => lineOf(target, series))
  );
}

function lineOf(target, { metric, values }) {
  const name = target.legendFormat.replace(/{{\s*(\w+)\s*}}/g, (_, label) => metric[label] ?? '');
  return toDataFrame({
    refId: target.refId,
    name,
    fields: [
      {
        name: 'Time',
        type: FieldType.time,
        values: values.map(([at]) => at * 1000),
      },
      {
        name: 'Value',
        type: FieldType.number,
        labels: metric,
        config: { displayNameFromDS: name },
        values: values.map(([, value]) => Number(value)),
      },
    ],
  });
}

function tableOf(target, found, several) {
  const labels = [...new Set(found.flatMap(({ metric }) => Object.keys(metric)))].sort();
  const last = found.map(({ values }) => values[values.length - 1]);
  return toDataFrame({
    refId: target.refId,
    fields: [
      { name: 'Time', type: FieldType.time, values: last.map(([at]) => at * 1000) },
      ...labels.map((label) => ({
        name: label,
        type: FieldType.string,
        values: found.map(({ metric }) => metric[label] ?? ''),
      })),
      {
        name: several ? `Value #${target.refId}` : 'Value',
        type: FieldType.number,
        values: last.map(([, value]) => Number(value)),
      },
    ],
  });
}
