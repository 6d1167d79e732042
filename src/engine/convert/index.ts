export {
  type ConvertRequest,
  type ConvertResult,
  type ConvertStep,
  convertApply,
  convertPlan,
} from './apply.ts';
export { convertFinish, convertUndo, type FinishDocument, finishPlan } from './finish.ts';
export type { ConversionDocument } from './plan.ts';
