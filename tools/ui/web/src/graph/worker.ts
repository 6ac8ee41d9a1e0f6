import { place, type Box, type Line } from "./layout";

self.onmessage = (event: MessageEvent<{ job: number; boxes: Box[]; lines: Line[] }>) => {
  const { job, boxes, lines } = event.data;
  self.postMessage({ job, layout: place(boxes, lines) });
};
