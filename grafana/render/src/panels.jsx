// One component a kind of panel, each of Grafana's own.
import { FieldType, getFieldDisplayValues, LoadingState } from '@grafana/data';
import { BigValue, PanelChrome, TimeSeries, TooltipDisplayMode } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';

const ROW_PX = 30;
const GAP_PX = 8;

export function heightOf(rows) {
  return rows * ROW_PX + (rows - 1) * GAP_PX;
}

export function Panel({ panel, frames, theme, range, width }) {
  const height = heightOf(panel.gridPos.h);
  const Body = { stat: Stat, timeseries: Lines, table: Rows }[panel.type];
  const filled = frames.some((frame) => frame.length > 0);
  return (
    <PanelChrome title={panel.title} description={panel.description} width={width} height={height}
      padding={panel.type === 'table' ? 'none' : 'sm'}>
      {(innerWidth, innerHeight) =>
        filled ? (
          <Body {...{ panel, frames, theme, range }} width={innerWidth} height={innerHeight} />
        ) : (
          <div style={{ height: innerHeight, display: 'grid', placeItems: 'center' }}>
            {panel.fieldConfig.defaults.noValue ?? 'No data'}
          </div>
        )
      }
    </PanelChrome>
  );
}

function Stat({ panel, frames, theme, width, height }) {
  const { options, fieldConfig } = panel;
  const shown = getFieldDisplayValues({
    data: frames,
    fieldConfig,
    reduceOptions: options.reduceOptions,
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
  });
  const upright = width < height * 1.5 && shown.length > 1;
  const columns = upright ? 1 : width / shown.length > 90 ? shown.length : 3;
  const rows = Math.ceil(shown.length / columns);
  return (
    <div style={{ display: 'grid', gap: GAP_PX, gridTemplateColumns: `repeat(${columns}, 1fr)` }}>
      {shown.map(({ display }, i) => (
        <BigValue key={i} value={display} theme={theme} count={shown.length}
          width={width / columns - GAP_PX} height={height / rows - (rows > 1 ? GAP_PX : 0)}
          colorMode={options.colorMode} graphMode={options.graphMode}
          textMode={options.textMode} justifyMode={options.justifyMode} />
      ))}
    </div>
  );
}

function Lines({ panel, frames, range, width, height }) {
  return (
    <TimeSeries frames={frames} timeRange={range} timeZone="utc" width={width} height={height}
      legend={panel.options.legend} options={{ tooltip: { mode: TooltipDisplayMode.None } }} />
  );
}

function Rows({ panel, frames, width, height }) {
  const frame = frames.find(({ length }) => length > 0);
  return (
    <TableNG data={frame} width={width} height={height} cellHeight={panel.options.cellHeight}
      fieldConfig={panel.fieldConfig} enableVirtualization={false} />
  );
}
