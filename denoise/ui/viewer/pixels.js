// What is shown of two pictures together. All take pixels as RGBA and leave alpha as it is.

export const PLAIN_MIX = [100, 100, 0]; // luminance and colour removed, detail kept: just as the denoiser made it
const LUMA = [77, 150, 29]; // shares of the colours in luminance, in 256ths, as on the server
const HEAT = [[0, 0, 4], [87, 16, 110], [188, 55, 84], [249, 142, 9], [252, 255, 164]]; // evenly from no error to white

// Turn `noisy` into what was removed from it: the difference around middle grey, `gain` times as strong.
export function subtract(noisy, denoised, gain) {
  for (let i = 0; i < noisy.length; i += 4) {
    noisy[i] = 128 + gain * (noisy[i] - denoised[i]); // the array clamps
    noisy[i + 1] = 128 + gain * (noisy[i + 1] - denoised[i + 1]);
    noisy[i + 2] = 128 + gain * (noisy[i + 2] - denoised[i + 2]);
  }
}

// Turn `denoised` into its mix with `noisy`, just as `blend` does on the server: step by step the same, to the last bit.
// `factors`: what the shares are multiplied by, up to 1, pixel by pixel; see brush.js.
export function blend(noisy, denoised, details, mix, factors = null) {
  const [luminance, colour, detail] = mix.map((percent) => percent / 100);
  for (let i = 0; i < noisy.length; i += 4) {
    const change = [denoised[i] - noisy[i], denoised[i + 1] - noisy[i + 1], denoised[i + 2] - noisy[i + 2]];
    const light = LUMA[0] * change[0] + LUMA[1] * change[1] + LUMA[2] * change[2];
    let share = details ? luminance * (1 - (detail * details[i]) / 255) : luminance;
    let shareOfColour = colour;
    if (factors) {
      share = Math.min(share * factors[i / 4], 1);
      shareOfColour = Math.min(colour * factors[i / 4], 1);
    }
    const kept = light * share;
    for (let channel = 0; channel < 3; channel++) {
      const coloured = shareOfColour * (256 * change[channel] - light);
      denoised[i + channel] = Math.floor(noisy[i + channel] + (kept + coloured) / 256 + 0.5);
    }
  }
}

// Colour pixels by what was painted there: less is removed where they are red, more where they are green.
export function tint(pixels, factors) {
  for (let i = 0; i < pixels.length; i += 4) {
    const off = factors[i / 4] - 1;
    const weight = 0.6 * Math.abs(off);
    const colour = off < 0 ? [230, 60, 40] : [40, 190, 90];
    for (let channel = 0; channel < 3; channel++) {
      pixels[i + channel] += weight * (colour[channel] - pixels[i + channel]);
    }
  }
}

// Turn `pixels` into how far they are from the clean ones: the channel that is farthest off, `gain` times, as heat.
export function heat(pixels, clean, gain) {
  for (let i = 0; i < pixels.length; i += 4) {
    const off = (channel) => Math.abs(pixels[i + channel] - clean[i + channel]);
    const at = (Math.min(gain * Math.max(off(0), off(1), off(2)), 255) / 255) * (HEAT.length - 1);
    const [low, high] = [HEAT[Math.floor(at)], HEAT[Math.ceil(at)]];
    for (let channel = 0; channel < 3; channel++) {
      pixels[i + channel] = low[channel] + (at % 1) * (high[channel] - low[channel]);
    }
  }
}
