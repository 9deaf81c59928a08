// Draws one dashboard from data.json, in the theme and at the width that the address asks for:
// ?dashboard=UID&theme=dark
import {
  applyFieldOverrides,
  createTheme,
  dateTime,
  getFieldDisplayName,
  ThemeContext,
  transformDataFrame,
} from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { GlobalStyles, PortalContainer } from '@grafana/ui';
import { useEffect, useState } from 'react';
import { createRoot } from 'react-dom/client';
import { MemoryRouter } from 'react-router-dom';
import { lastValueFrom, take } from 'rxjs';

import { framesOf } from './frames';
import { heightOf, Panel } from './panels';
import { properties, register } from './registries';

const COLUMNS = 24;
const PHONE_PX = 769; // Grafana stacks panels below this width
const GAP_PX = 8;

async function prepared(panel, answers, theme) {
  const frames = framesOf(panel, answers);
  const transformed = panel.transformations.length
    ? await lastValueFrom(transformDataFrame(panel.transformations, frames).pipe(take(1)))
    : frames;
  const shown = applyFieldOverrides({
    data: transformed,
    fieldConfig: panel.fieldConfig,
    fieldConfigRegistry: properties,
    replaceVariables: (text) => text,
    theme,
    timeZone: 'utc',
  });
  shown.forEach((frame) =>
    frame.fields.forEach((field) => getFieldDisplayName(field, frame, shown))
  );
  return shown;
}

function Dashboard({ dashboard, frames, theme, range }) {
  const [width, setWidth] = useState(document.body.clientWidth - 2 * GAP_PX);
  useEffect(() => {
    const resized = () => setWidth(document.body.clientWidth - 2 * GAP_PX);
    addEventListener('resize', resized);
    return () => removeEventListener('resize', resized);
  }, []);
  const phone = width < PHONE_PX;
  const column = (width + GAP_PX) / COLUMNS;
  const bottom = Math.max(...dashboard.panels.map(({ gridPos: at }) => at.y + at.h));
  const place = ({ x, y, w, h }) =>
    phone
      ? { height: heightOf(h), marginBottom: GAP_PX }
      : { position: 'absolute', left: x * column, top: y * 38, width: w * column - GAP_PX,
          height: heightOf(h) };
  return (
    <div style={{ position: 'relative', margin: GAP_PX, height: phone ? 'auto' : bottom * 38 }}>
      {dashboard.panels.map((panel) => (
        <div key={panel.id} style={place(panel.gridPos)}>
          {panel.type === 'row' ? (
            <h4 style={{ margin: '4px 0 0 4px' }}>{panel.title}</h4>
          ) : (
            <Panel {...{ panel, theme, range }} frames={frames[panel.id]}
              width={phone ? width : panel.gridPos.w * column - GAP_PX} />
          )}
        </div>
      ))}
    </div>
  );
}

async function start() {
  const asked = new URLSearchParams(location.search);
  const theme = createTheme({ colors: { mode: asked.get('theme') ?? 'dark' } });
  await initPluginTranslations('foreshock', []);
  register();
  const all = await (await fetch('data.json')).json();
  const { dashboard, answers, from, to } = all[asked.get('dashboard')];
  const range = { from: dateTime(from * 1000), to: dateTime(to * 1000), raw: { from: '', to: '' } };
  const frames = {};
  for (const panel of dashboard.panels) {
    if (panel.type !== 'row') {
      frames[panel.id] = await prepared(panel, answers[panel.id], theme);
    }
  }
  document.body.style.background = theme.colors.background.canvas;
  createRoot(document.getElementById('root')).render(
    <MemoryRouter>
      <ThemeContext.Provider value={theme}>
        <GlobalStyles />
        <PortalContainer />
        <Dashboard {...{ dashboard, frames, theme, range }} />
      </ThemeContext.Provider>
    </MemoryRouter>
  );
  document.fonts.ready.then(() => setTimeout(() => (document.title = 'drawn'), 500));
}

start().catch((error) => {
  document.title = `failed: ${error.stack}`;
});
