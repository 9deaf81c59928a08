// Answers of Prometheus to Grafana's data frames, as its Prometheus data source makes them.
import { FieldType, toDataFrame } from '@grafana/data';

const STEP_MS = 1000;

/** All frames of a panel. answers: one list of series a target. */
export function framesOf(panel, answers) {
  const several = panel.targets.length > 1;
  return panel.targets.flatMap((target, i) =>
    target.format === 'table'
      ? [tableOf(target, answers[i], several)]
      : answers[i].map((series) => lineOf(target, series))
  );
}

/** Samples with a null where some are missing, as Grafana puts one, so that gaps are gaps. */
function gapped(values) {
  return values.flatMap(([at, value], i) => {
    const missing = i > 0 && (at - values[i - 1][0]) * 1000 > 1.5 * STEP_MS;
    const sample = [at * 1000, Number(value)];
    return missing ? [[at * 1000 - STEP_MS, null], sample] : [sample];
  });
}

function lineOf(target, { metric, values }) {
  const samples = gapped(values);
  const name = target.legendFormat.replace(/{{\s*(\w+)\s*}}/g, (_, label) => metric[label] ?? '');
  return toDataFrame({
    refId: target.refId,
    name,
    fields: [
      {
        name: 'Time',
        type: FieldType.time,
        values: samples.map(([at]) => at),
      },
      {
        name: 'Value',
        type: FieldType.number,
        labels: metric,
        config: { displayNameFromDS: name },
        values: samples.map(([, value]) => value),
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
