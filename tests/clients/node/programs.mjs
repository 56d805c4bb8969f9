// Does with other people's JavaScript frameworks what each line on standard input asks for; see ../programs.py.

import fs from "node:fs";
import readline from "node:readline";

import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { DallEAPIWrapper } from "@langchain/openai";
import { generateImage } from "ai";

const prompted = ({ prompt, image }) => (image ? { text: prompt, images: [fs.readFileSync(image)] } : prompt);

const PROGRAMS = {
  async "Vercel AI SDK, @ai-sdk/openai"(task) {
    const model = createOpenAI({ baseURL: task.base_url, apiKey: task.key }).image(task.model);
    const { image } = await generateImage({ model, prompt: prompted(task) });
    return image.base64;
  },

  async "Vercel AI SDK, @ai-sdk/openai-compatible"(task) {
    const provider = createOpenAICompatible({ name: "easel", baseURL: task.base_url, apiKey: task.key });
    const { image } = await generateImage({ model: provider.imageModel(task.model), prompt: prompted(task) });
    return image.base64;
  },

  async "Vercel AI SDK with an Idempotency-Key"(task) {
    const model = createOpenAI({ baseURL: task.base_url, apiKey: task.key }).image(task.model);
    const headers = { "Idempotency-Key": task.wish };
    const { image } = await generateImage({ model, prompt: prompted(task), headers });
    return image.base64;
  },

  async "LangChain.js, DallEAPIWrapper"(task) {
    const tool = new DallEAPIWrapper({ apiKey: task.key, baseUrl: task.base_url, model: "dall-e-3", size: "1024x1024" });
    const answer = await fetch(await tool.invoke(task.prompt));
    return Buffer.from(await answer.arrayBuffer()).toString("base64");
  },
};

for await (const line of readline.createInterface({ input: process.stdin })) {
  const task = JSON.parse(line);
  let answer;
  try {
    answer = { image: await PROGRAMS[task.program](task) };
  } catch (error) {
    answer = { error: `${error?.name}: ${error?.message}` };
  }
  console.log(JSON.stringify(answer));
}
