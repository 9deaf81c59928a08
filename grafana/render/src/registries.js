// What Grafana's application would have registered before it draws the first panel.
import {
  FieldConfigOptionsRegistry,
  standardEditorsRegistry,
  standardFieldConfigEditorRegistry,
  standardTransformers,
  standardTransformersRegistry,
} from '@grafana/data';

const STANDARD = ['unit', 'min', 'max', 'decimals', 'displayName', 'noValue', 'thresholds',
  'mappings', 'links', 'color', 'filterable'];
const CUSTOM = ['drawStyle', 'lineWidth', 'lineStyle', 'fillOpacity', 'fillBelowTo', 'showPoints',
  'spanNulls', 'stacking', 'thresholdsStyle', 'scaleDistribution', 'hideFrom', 'align',
  'cellOptions', 'width', 'minWidth', 'axisPlacement', 'lineInterpolation', 'wrapText'];

function property(path, isCustom) {
  return {
    id: isCustom ? `custom.${path}` : path,
    path,
    name: path,
    isCustom,
    process: (value) => value,
    shouldApply: () => true,
    override: () => null,
    editor: () => null,
  };
}

export const properties = new FieldConfigOptionsRegistry(() => [
  ...STANDARD.map((path) => property(path, false)),
  ...CUSTOM.map((path) => property(path, true)),
]);

export function register() {
  standardEditorsRegistry.setInit(() => []);
  standardFieldConfigEditorRegistry.setInit(() => STANDARD.map((path) => property(path, false)));
  standardTransformersRegistry.setInit(() =>
    [...new Map(Object.values(standardTransformers).map((each) => [each.id, each])).values()].map(
      (each) => ({ id: each.id, name: each.name, transformation: () => Promise.resolve(each) })
    )
  );
}
