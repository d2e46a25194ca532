"""Tests in JavaScript and TypeScript, run by the test runner that is part of Node.js."""
