// A worker: pictures of the camera become JPEG here, where the drawing of the page holds nothing up.

const canvas = new OffscreenCanvas(1, 1);
const context = canvas.getContext("2d", { alpha: false });
if (!context) throw new Error("no drawing in a worker"); // the page draws instead

onmessage = async ({ data: { number, picture, width, height, quality } }) => {
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  try {
    context.drawImage(picture, 0, 0, width, height);
    picture.close();
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality });
    const jpeg = await blob.arrayBuffer();
    postMessage({ number, jpeg }, [jpeg]);
  } catch {
    postMessage({ number, jpeg: null });
  }
};
