"""Examples that the user gave in the task: how they are found in any form people use, and the tests made of them."""
